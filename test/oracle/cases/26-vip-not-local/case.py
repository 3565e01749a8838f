"""A virtual address that is not the host's is routed through; it may become local and go again."""
from steps import *


def run(t):
    pairs = ((C4, '10.0.1.150'), (C4, '10.0.9.9'), (C6, 'fd01::55'))
    for client, vip in pairs:
        t.c(seg(client, vip, 1000, 80, 'S'), 'not local')
    t.admin('ip addr add 10.0.1.150/32 dev c0; ip addr add fd01::55/128 dev c0 nodad; '
            'ip route add local 10.0.9.9/32 dev lo')
    t.sleep(1)
    flows = [Flow(t, client, 1001, vip) for client, vip in pairs]
    for flow in flows:
        flow.c('S', note='local now')
        flow.c('A')
        flow.r('SA')
    conns(t)
    t.admin('ip addr del 10.0.1.150/32 dev c0; ip addr del fd01::55/128 dev c0; '
            'ip route del local 10.0.9.9/32 dev lo')
    t.sleep(1)
    for flow in flows:
        flow.c('A', note='known, not local any more')
        flow.r('A', note='reply, not local any more')
    for client, vip in pairs:
        t.c(seg(client, vip, 1002, 80, 'S'), 'not local')
    t.c(seg(C4, V4, 1003, 80, 'S'), 'local all the time')
    conns(t)
