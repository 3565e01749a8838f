"""A SYN on the port of an ended NAT connection, for every conn_reuse_mode."""
from steps import *

PORT = 80
ENDINGS = ('cS', 'cS rSA cA', 'cS rSA cA rFA', 'cS rSA cA cFA', 'cS rSA cA rFA cFA',
           'cS rSA cA cR', 'cS rSA cA rR', 'cS cFA')


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
