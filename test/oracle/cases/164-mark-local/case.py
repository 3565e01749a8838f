"""Policy routing makes what has a mark local, the same address of another mark is routed on."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        far = 'fd03::10' if is6(vip) else '10.0.3.10'
        flow = Flow(t, client, 2400, far, 80).established()
        t.c(seg(client, far, 2401, 81, 'S'), 'not local')
        t.c(seg(client, far, 2402, 82, 'S'), 'no mark')
        flow.c('A', b'more')
        conns(t)
    tables(t)
