"""Active and inactive connections after each way a connection may end."""
from steps import *

WALKS = ('cS', 'cS rSA', 'cS rSA cA', 'cS rSA cA cFA', 'cS rSA cA rFA', 'cS rSA cA cFA rFA cA',
         'cS rSA cA rFA cFA rA', 'cS rSA cA cR', 'cS rSA cA rR', 'cS rR', 'cS cR', 'cS c')


def walk(t, flow, packets):
    for packet in packets.split():
        if flow.vport != 81 or packet[0] == 'c':
            getattr(flow, packet[0])(packet[1:])
    return flow


def run(t):
    flows = []
    for n, packets in enumerate(WALKS):
        for client, vip in FAMILIES:
            flows.append(walk(t, Flow(t, client, 1000 + n, vip), packets))
        walk(t, Flow(t, C4, 1000 + n, V4, 81), packets)
        tables(t)
    for n in range(3):
        Flow(t, C4, 1000 + n, V4, 53, 17).c()
    tables(t)
    for wait in (13, 50, 62, 16):
        t.sleep(wait)
        tables(t)
        conns(t)
    for flow in flows:
        flow.c('S', note='again')
    tables(t)
    for flow in flows:
        flow.r('R')
        flow.c('S', note='again after a reset')
    tables(t)
    conns(t)
    t.sleep(190)
    tables(t)
    t.sleep(700)
    tables(t)
    conns(t)
