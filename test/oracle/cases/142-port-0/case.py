"""Services of any port: one template for all ports, whose dests get packets at the same ports."""
from steps import *


def run(t):
    flows = []
    for client, vip in FAMILIES:
        for n in (0, 1):
            for port in (22, 80, 443, 8080, 40000, 20, 21):
                flows.append(Flow(t, client[:-1] + str(n), 1000, vip, port).established())
        conns(t)
        for n in (2, 3):
            for port in (53, 123, 500, 5353):
                flow = Flow(t, client[:-1] + str(n), 1000, vip, port, 17)
                flow.c()
                if flow.dest and flow.side == 'r':
                    flow.r()
                flows.append(flow)
        conns(t)
    t.snap('ipvsadm -Ln --persistent-conn')
    for flow in flows:
        if flow.proto == 6:
            flow.c('A', b'data')
            flow.r('A', b'answer')
        else:
            flow.c('', b'more')
    for flow in flows[::3]:
        if flow.proto == 6:
            kind = (1, 4) if is6(flow.client) else (3, 3)
            t.r(error(flow.dest, flow.client, *kind, flow.sent), 'an ICMP error of its dest')
            quoted = seg(flow.vip, flow.client, flow.vport, flow.cport, 'A')
            t.c(error(flow.client, flow.vip, *kind, quoted), 'and of its client')
            flow.c('FA')
            flow.r('FA')
    t.c(seg(C4, V4, 20, 90, 'S'), 'client port 20')
    t.c(seg(C4, V4, 1000, 0, 'S'), 'to port 0')
    t.c(seg('10.0.1.17', V4, 1000, 0, 'S'), 'to port 0')
    conns(t)
    for service in ('-t 10.0.1.100:0', '-t [fd01::100]:0'):
        dest = '[fd02::12]:8080' if '[' in service else '10.0.2.12:8080'
        t.admin('ipvsadm -d %s -r %s' % (service, dest))
    for client, vip in FAMILIES:
        for port in (80, 81):
            Flow(t, client, 2000, vip, port).c('S', note='a dest has left')
    conns(t)
    for service in ('-t 10.0.1.100:0', '-t [fd01::100]:0'):
        dest = '[fd02::11]:0' if '[' in service else '10.0.2.11:0'
        t.admin('ipvsadm -e %s -r %s -m -w 0' % (service, dest))
    for client, vip in FAMILIES:
        for port in (82, 83):
            Flow(t, client[:-1] + '7', 2000, vip, port).c('S', note='no dest')
    t.sleep(40)
    conns(t)
    t.snap('ipvsadm -Ln --persistent-conn')
