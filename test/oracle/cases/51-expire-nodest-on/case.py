"""expire_nodest_conn 1: connections of removed dests end at once; off at the removal: when met."""
from steps import *

SERVICES = (('-t 10.0.1.100:80', '10.0.2.11:8080 -m'), ('-t 10.0.1.100:81', '10.0.2.11:81 -g'),
            ('-u 10.0.1.100:53', '10.0.2.11:5353 -m'), ('-t [fd01::100]:80', '[fd02::11]:8080 -m'))
VALUES = (1, 0)


def starts(t, base):
    flows = []
    for n in range(6):
        for client, vip in FAMILIES:
            flow = Flow(t, client, base + n, vip)
            flow.c('S')
            if n > 1:
                flow.r('SA')
                flow.c('A')
            flows.append((n, flow))
        direct = Flow(t, C4, base + n, V4, 81)
        direct.c('S')
        query = Flow(t, C4, base + n, V4, 53, 17)
        query.c()
        flows += [(n, direct), (n, query)]
    return flows


def packets(t, flows):
    for n, flow in flows:
        if flow.vport != 81:
            flow.r('A', note='dest answers')
        if flow.proto == 17:
            flow.c(note='client asks')
        else:
            if n % 4 > 1:
                flow.c('A', note='client data')
            flow.c('S', note='client SYN')
            flow.c('A', note='client data')


def run(t):
    for at_removal in VALUES:
        t.admin('sysctl -w net.ipv4.vs.expire_nodest_conn=%d' % at_removal)
        flows = starts(t, 1000 + 100 * at_removal)
        for service, dest in SERVICES:
            t.admin('ipvsadm -d %s -r %s' % (service, dest.split()[0]))
        t.sleep(1)
        tables(t)
        conns(t)
        t.admin('sysctl -w net.ipv4.vs.expire_nodest_conn=1')
        packets(t, flows)
        tables(t)
        conns(t)
        for service, dest in SERVICES:
            t.admin('ipvsadm -a %s -r %s' % (service, dest))
        t.sleep(1)
        tables(t)
        conns(t)
    t.admin('ipvsadm -D -t 10.0.1.100:80')
    t.sleep(1)
    conns(t)
    t.admin('ipvsadm -C')
    t.sleep(1)
    conns(t)
