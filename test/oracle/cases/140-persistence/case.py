"""Persistence: a client's connections go to one dest; templates are listed and counted."""
from steps import *


def other(client, n):
    return '%s%d' % (client[:-2], 10 + n)


def persistent(t):
    t.snap('ipvsadm -Ln --persistent-conn')


def run(t):
    flows = []
    for client, vip in FAMILIES:
        for n in range(4):
            for port in range(2):
                flows.append(Flow(t, other(client, n), 1000 + port, vip))
                flows[-1].c('S')
        conns(t)
        persistent(t)
        for n in range(3):
            for port in range(2):
                Flow(t, other(client, n), 2000 + port, vip, 81).c('S')
        for n in range(4):
            for port in range(2):
                flows.append(Flow(t, other(client, n), 3000 + port, vip, 53, 17))
                flows[-1].c()
        conns(t)
        tables(t)
    for flow in flows[::3]:
        flow.r('SA')
        flow.c('A')
    conns(t)
    persistent(t)
    t.snap('ipvsadm -Lnc --persistent-conn')
    for flow in flows[::2]:
        flow.c('FA')
        flow.r('FA')
    conns(t)
    t.sleep(50)
    for client, vip in FAMILIES:
        Flow(t, other(client, 1), 4000, vip).c('S', note='its time begins again')
        Flow(t, other(client, 2), 4000, vip, 53, 17).c()
    conns(t)
    t.sleep(5)
    for flow in flows:
        flow.c('A', note='its time does not begin again')
    conns(t)
    t.sleep(20)
    tables(t)
    t.c(seg(C4, V4, 20, 80, 'S'), 'client port 20')
    t.c(seg(C4, V4, 0, 80, 'S'), 'client port 0')
    t.c(seg(C4, V4, 0, 80, 'S'), 'client port 0')
    t.c(seg(C4, V4, 5000, 80, 'A'), 'no SYN')
    t.c(seg(C4, V4, 5000, 82, 'S'), 'another port')
    persistent(t)
    conns(t)
    t.sleep(1500)
    conns(t)
    persistent(t)
