"""Persistent services by mark: a client stays with its dest whatever address, port and protocol."""
from steps import *


def other(client, n):
    return '%s1%d' % (client[:-2], n)


def listed(t):
    conns(t)
    t.snap('ipvsadm -Ln --persistent-conn')


def run(t):
    every = []
    for client, vip in FAMILIES:
        net = 'fd09::%x' if is6(vip) else '10.0.9.%d'
        sides = ((vip, 80, 6), (vip, 443, 6), (net % 1, 80, 6), (net % 2, 81, 6), (vip, 53, 17))
        for n in range(4):
            for m, (to, port, proto) in enumerate(sides):
                every.append(Flow(t, other(client, n), 1000 + m, to, port, proto))
                every[-1].c('S')
        listed(t)
        for n in range(3):
            for port in (84, 85):
                every.append(Flow(t, other(client, n), 1100 + port, vip, port))
                every[-1].c('S', note='another mark')
        conns(t)
    for flow in every[::2]:
        if flow.vport < 84:
            flow.r('SA')
            flow.c('A')
    listed(t)
    for flow in every[::4]:
        flow.c('FA')
        if flow.vport < 84:
            flow.r('FA')
    conns(t)
    t.sleep(50)
    for client, vip in FAMILIES:
        Flow(t, other(client, 1), 1200, vip, 444).c('S', note='its time begins again')
        Flow(t, other(client, 2), 1200, vip, 54, 17).c()
    conns(t)
    t.c(seg(C4, V4, 20, 80, 'S'), 'client port 20')
    t.c(seg(C4, V4, 0, 80, 'S'), 'client port 0')
    t.c(seg(C4, V4, 5000, 80, 'A'), 'no SYN')
    t.sleep(30)
    listed(t)
    t.sleep(1500)
    listed(t)
    tables(t)
