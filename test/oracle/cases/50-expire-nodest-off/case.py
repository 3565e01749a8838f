"""expire_nodest_conn 0: a removed dest swallows its clients' packets and still answers them."""
from steps import *

SERVICES = (('-t 10.0.1.100:80', '10.0.2.11:8080 -m'), ('-t 10.0.1.100:81', '10.0.2.11:81 -g'),
            ('-u 10.0.1.100:53', '10.0.2.11:5353 -m'), ('-t [fd01::100]:80', '[fd02::11]:8080 -m'))


def starts(t):
    """Two flows a service and state; rr gives one of the two to the dest ending in 11."""
    flows = []
    for n in range(4):
        for client, vip in FAMILIES:
            flow = Flow(t, client, 1000 + n, vip)
            flow.c('S')
            if n > 1:
                flow.r('SA')
                flow.c('A')
            flows.append(flow)
        direct = Flow(t, C4, 1000 + n, V4, 81)
        direct.c('S')
        query = Flow(t, C4, 1000 + n, V4, 53, 17)
        query.c()
        flows += [direct, query]
    return flows


def packets(t, flows):
    for flow in flows:
        if flow.proto == 17:
            flow.c(note='client asks')
        else:
            flow.c('A', note='client data')
            flow.c('S', note='client SYN')
        if flow.vport != 81:
            flow.r('A', note='dest answers')


def run(t):
    flows = starts(t)
    tables(t)
    for service, dest in SERVICES:
        t.admin('ipvsadm -d %s -r %s' % (service, dest.split()[0]))
    t.sleep(1)
    tables(t)
    conns(t)
    packets(t, flows)
    tables(t)
    conns(t)
    for service, dest in SERVICES:
        t.admin('ipvsadm -a %s -r %s' % (service, dest))
    tables(t)
    packets(t, flows)
    conns(t)
    tables(t)
