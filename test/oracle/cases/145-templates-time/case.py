"""A template over its time goes on for a minute at a time while it has connections."""
from steps import *


def run(t):
    flows = []
    for client, vip in FAMILIES:
        flows.append(opened(t, client, 1000, vip))
        Flow(t, client, 1000, vip, 79).c('S')
    closing = Flow(t, C4, 1001, V4, 81)
    closing.c('S')
    closing.c('A')
    closing.c('FA')
    conns(t)
    t.sleep(5)
    conns(t)
    t.sleep(8)
    conns(t)
    t.sleep(30)
    for client, vip in FAMILIES:
        Flow(t, client, 1002, vip).c('S', note='its time is a minute now')
    conns(t)
    t.sleep(20)
    conns(t)
    for flow in flows:
        flow.c('FA')
        flow.r('FA')
    conns(t)
    t.sleep(30)
    conns(t)
    for client, vip in FAMILIES:
        Flow(t, client, 1003, vip).c('S', note='and stays one')
    conns(t)
    t.sleep(50)
    conns(t)
    t.sleep(150)
    conns(t)
    t.snap('ipvsadm -Ln --persistent-conn')
    for client, vip in FAMILIES:
        Flow(t, client, 1004, vip).c('S', note='a new one')
    conns(t)
