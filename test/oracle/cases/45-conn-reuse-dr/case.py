"""A SYN on the port of an ended DR connection, for every conn_reuse_mode: FIN_WAIT for 2 and 3."""
from steps import *

PORT = 81
ENDINGS = ('cS', 'cS cA', 'cS cA cFA', 'cS cFA', 'cS cA cR', 'cS cA cP', 'cS cA cFA cA')


def run(t):
    cport = 1000
    for mode in (0, 1, 2, 3):
        t.admin('sysctl -w net.ipv4.vs.conn_reuse_mode=%d' % mode)
        for packets in ENDINGS:
            cport += 1
            flow = Flow(t, C4, cport, V4, PORT)
            for packet in packets.split():
                getattr(flow, packet[0])(packet[1:])
            flow.c('S', note='mode %d, port used again after %s' % (mode, packets))
    conns(t)
    tables(t)

    # Not the client's SYN, but one with an ACK, and one in IPv6.
    flow = Flow(t, C4, 900, V4, PORT)
    for flags in ('S', 'A', 'FA', 'SA'):
        flow.c(flags, note='mode 3, ' + flags)
