"""A service by mark, NAT: many virtual sides, ports of the dests; replies find their own side."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        net = 'fd09::%x' if is6(vip) else '10.0.9.%d'
        flows = []
        for n, (to, port) in enumerate(((vip, 80), (vip, 443), (net % 1, 80), (net % 2, 81))):
            flow = Flow(t, client, 2000 + n, to, port).established()
            flow.c('A', b'more')
            flows.append(flow)
        query = Flow(t, client, 2020, vip, 53, 17)
        query.c(note='UDP')
        query.r(note='answer')
        bare = Flow(t, client, 2021, vip, 54, 17)
        bare.c(note='without a checksum', zero=True)
        bare.r(note='without a checksum', zero=True)
        conns(t)
        t.c(seg(client, vip, 2030, 80, 'S', ttl=1), 'TTL 1')
        t.c(seg(client, vip, 2031, 80, 'S', b'x' * 30, bad=True), 'wrong sum')
        for flow in flows:
            flow.r('FA')
            flow.c('FA')
            flow.r('A')
        conns(t)
    tables(t)
