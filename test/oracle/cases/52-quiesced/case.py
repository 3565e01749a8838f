"""A dest of weight 0 keeps its connections; with expire_nodest_conn a SYN leaves it."""
from steps import *


def starts(t, base):
    flows = []
    for n in range(2):
        for client, vip in FAMILIES:
            flows.append(opened(t, client, base + n, vip))
            flows.append(Flow(t, client, base + 10 + n, vip))
            flows[-1].c('S')
            ended = opened(t, client, base + 20 + n, vip)
            ended.r('FA')
            ended.c('FA')
            flows.append(ended)
        direct = Flow(t, C4, base + n, V4, 81)
        direct.c('S')
        query = Flow(t, C4, base + n, V4, 53, 17)
        query.c()
        flows += [direct, query]
    return flows


def quiesce(t, host, weight=0):
    t.admin('ipvsadm -e -t 10.0.1.100:80 -r 10.0.2.%d:8080 -m -w %d' % (host, weight))
    t.admin('ipvsadm -e -t 10.0.1.100:81 -r 10.0.2.%d:81 -g -w %d' % (host, weight))
    t.admin('ipvsadm -e -u 10.0.1.100:53 -r 10.0.2.%d:5353 -m -w %d' % (host, weight))
    t.admin('ipvsadm -e -t [fd01::100]:80 -r [fd02::%d]:8080 -m -w %d' % (host, weight))


def packets(t, flows):
    for flow in flows:
        if flow.proto == 17:
            flow.c(note='client asks')
            continue
        flow.c('A', note='client data')
        flow.c('S', note='client SYN')
        if flow.vport != 81:
            flow.r('A', note='dest answers')


def run(t):
    for nodest, mode in ((0, 1), (1, 1), (1, 0), (0, 0)):
        t.admin('sysctl -w net.ipv4.vs.expire_nodest_conn=%d' % nodest)
        t.admin('sysctl -w net.ipv4.vs.conn_reuse_mode=%d' % mode)
        flows = starts(t, 1000 + 200 * nodest + 100 * mode)
        quiesce(t, 11)
        packets(t, flows)
        tables(t)
        conns(t)
        quiesce(t, 12)
        packets(t, flows)
        tables(t)
        conns(t)
        quiesce(t, 11, 1)
        quiesce(t, 12, 1)
