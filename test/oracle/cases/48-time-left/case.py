"""How long connections rest in each state, and what happens to packets after that."""
from steps import *


def run(t):
    flows = []
    for n, packets in enumerate(('cS', 'cS rSA cA', 'cS rSA cA rFA', 'cS rSA cA cFA',
                                 'cS rSA cA rFA cFA', 'cS rSA cA cR')):
        for client, vip in FAMILIES[:1 if n % 2 else 2]:
            flow = Flow(t, client, 1000 + n, vip)
            for packet in packets.split():
                getattr(flow, packet[0])(packet[1:])
            flows.append(flow)
    query = Flow(t, C4, 1000, V4, 53, 17)
    query.c()
    direct = Flow(t, C4, 1000, V4, 81)
    for flags in ('S', 'A', 'FA'):
        direct.c(flags)
    conns(t)
    for wait in (9, 4, 40, 14, 50, 10):
        t.sleep(wait)
        conns(t)
    tables(t)
    flows[0].c('A', note='SYN_RECV is over: ACK')
    flows[0].r('SA', note='SYN_RECV is over: reply')
    flows[0].c('S', note='a new one')
    t.sleep(170)
    query.r(note='UDP: a reply restarts the timer')
    t.sleep(290)
    conns(t)
    t.sleep(330)
    conns(t)
    query.c(note='UDP, a new one')
    tables(t)
