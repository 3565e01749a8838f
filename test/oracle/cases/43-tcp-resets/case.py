"""Resets from either side, in every stage, and what comes after them."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        first = Flow(t, client, 1000, vip)
        first.c('S')
        first.c('R', note='reset of a SYN')
        first.c('S', note='SYN after it')
        refused = Flow(t, client, 1001, vip)
        refused.c('S')
        refused.r('RA', note='refused by the dest')
        refused.c('S', note='SYN after it')
        for n, (who, flags) in enumerate((('c', 'R'), ('c', 'RA'), ('r', 'R'), ('r', 'RA'))):
            flow = opened(t, client, 1010 + n, vip)
            getattr(flow, who)(flags, note='reset in ESTABLISHED')
            flow.c('A', note='ACK after it')
            flow.r('A', note='ACK after it, dest')
            flow.c('RA', note='reset again')
        closing = opened(t, client, 1020, vip)
        closing.c('FA')
        closing.r('R', note='reset in CLOSE_WAIT')
        t.c(seg(client, vip, 1030, 80, 'R'), 'reset of nothing')
        t.c(seg(client, vip, 1031, 80, 'SR'), 'SYN and RST')
        direct = Flow(t, client, 1040, vip, 81)
        for flags in ('S', 'R', 'S', 'A', 'R', 'A', 'S'):
            direct.c(flags, note='DR ' + flags)
        conns(t)
    t.sleep(11)
    conns(t)
