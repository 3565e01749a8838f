"""A client begins anew on a connection that has ended, and its service is persistent since."""
from steps import *


def ended(t, client, cport, vip, vport):
    flow = opened(t, client, cport, vip, vport)
    flow.r('R')
    return flow


def anew(t, client, vip, name):
    for n in range(3):
        ended(t, client, 1000 + n, vip, 80)
    t.admin('ipvsadm -E -t %s -s wlc -p 60' % name)
    tables(t)
    Flow(t, client, 1000, vip, 80).c('S', note='anew')
    tables(t)
    for n in (1, 2):
        Flow(t, client, 1000 + n, vip, 80).c('S', note='anew, by its template')
        tables(t)
    conns(t)


def run(t):
    anew(t, C4, V4, '10.0.1.100:80')
    anew(t, C6, V6, '[fd01::100]:80')

    # Bound while the old one counts: the dest is overloaded until below its lower threshold.
    ended(t, C4, 2000, V4, 81)
    t.admin('ipvsadm -E -t 10.0.1.100:81 -s rr -p 60')
    Flow(t, C4, 2000, V4, 81).c('S', note='anew, the dest becomes full')
    tables(t)
    t.sleep(2)
    Flow(t, '10.0.1.12', 2001, V4, 81).c('S', note='another client')
    tables(t)
    conns(t)
