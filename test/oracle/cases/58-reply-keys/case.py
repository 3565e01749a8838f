"""Connections of one client port over several services to one dest: the newest gets the replies."""
from itertools import permutations
from steps import *

PORTS = (80, 81, 82, 83)


def orders():
    """Of four there are 24 orders; six that differ in who is last and who is next."""
    return list(permutations(PORTS))[::4]


def run(t):
    for client, vip in FAMILIES:
        for n, order in enumerate(orders()):
            flows = []
            for vport in order:
                flow = Flow(t, client, 1000 + n, vip, vport)
                flow.c('S')
                flow.r('SA', note='reply with %d of four' % (len(flows) + 1))
                flow.c('A')
                flows.append(flow)
            ends = list(reversed(flows)) if n % 2 else [flows[i] for i in (3, 1, 2, 0)]
            for flow in ends[:3]:
                flow.c('R')
                t.sleep(13)
                flows[0].r('A', note='reply after %d ended' % flow.vport)
            conns(t)
    tables(t)
