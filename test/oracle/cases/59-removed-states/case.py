"""A dest removed under connections in every state, by every method, for every pair of settings."""
from steps import *

WALKS = ('cS', 'cS rSA', 'cS rSA cA', 'cS rSA cA rFA', 'cS rSA cA cFA', 'cS rSA cA rFA cFA',
         'cS rSA cA cR')
DIRECT = ('cS', 'cS cA', 'cS cA cFA', 'cS cA cR')
DESTS = ('-t 10.0.1.100:80 -r 10.0.2.11:8080 -m', '-t 10.0.1.100:81 -r 10.0.2.11:81 -g',
         '-t 10.0.1.100:82 -r 10.0.2.11:82 -i', '-u 10.0.1.100:53 -r 10.0.2.11:53 -g')


def starts(t, base):
    """Two flows of each kind: one of them goes to the dest that is removed."""
    flows = []
    for n, walk in enumerate(WALKS * 2):
        flows.append(Flow(t, C4, base + n, V4))
        for packet in walk.split():
            getattr(flows[-1], packet[0])(packet[1:])
    for vport in (81, 82):
        for n, walk in enumerate(DIRECT * 2):
            flows.append(Flow(t, C4, base + n, V4, vport))
            for packet in walk.split():
                flows[-1].c(packet[1:])
    for n in range(2):
        flows.append(Flow(t, C4, base + n, V4, 53, 17))
        flows[-1].c()
    return flows


def run(t):
    for n, (nodest, mode) in enumerate(((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2))):
        t.admin('sysctl -w net.ipv4.vs.expire_nodest_conn=%d' % nodest)
        t.admin('sysctl -w net.ipv4.vs.conn_reuse_mode=%d' % mode)
        flows = starts(t, 1000 + 100 * n)
        for dest in DESTS:
            t.admin('ipvsadm -d %s' % ' '.join(dest.split()[:4]))
        for flow in flows:
            flow.c('S', note='nodest %d, mode %d' % (nodest, mode))
            flow.c('A', note='nodest %d, mode %d' % (nodest, mode))
        tables(t)
        for dest in DESTS:
            t.admin('ipvsadm -a %s' % dest)
        tables(t)
    conns(t)
