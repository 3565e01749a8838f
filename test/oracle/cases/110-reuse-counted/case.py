"""A client begins anew on a connection that has ended: what the old one counts for meanwhile."""
from steps import *


def ended(t, client, cport, vip, vport):
    flow = opened(t, client, cport, vip, vport)
    flow.r('R')
    return flow


def anew(t, client, vip, vport, count=3):
    for n in range(count):
        ended(t, client, 1000 + n, vip, vport)
    tables(t)
    for n in range(count):
        Flow(t, client, 1000 + n, vip, vport).c('S', note='anew')
        tables(t)
    conns(t)


def run(t):
    anew(t, C4, V4, 80)
    anew(t, C6, V6, 80)
    anew(t, C6, V6, 81)

    # At its upper threshold a dest has no room for a client that has a connection there.
    flow = ended(t, C4, 2000, V4, 81)
    opened(t, C4, 2001, V4, 81)
    flow.c('S', note='anew, the dest is full')
    tables(t)
    t.sleep(2)
    flow.c('S', note='once more')
    tables(t)
    conns(t)

    # Dests by DR: the client alone is seen.
    for n in range(3):
        flow = Flow(t, C4, 3000 + n, V4, 82)
        flow.c('S')
        flow.c('A')
        flow.c('R')
    for n in range(3):
        Flow(t, C4, 3000 + n, V4, 82).c('S', note='anew')
    tables(t)
    conns(t)
