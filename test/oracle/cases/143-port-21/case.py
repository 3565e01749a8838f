"""Services of port 21: unprivileged TCP ports and port 20 of their address are theirs too."""
from steps import *

PORTS = (21, 20, 1023, 1024, 2000, 40000, 22)


def run(t):
    flows = []
    for client, vip in FAMILIES + ((C4, '10.0.1.101'), (C4, '10.0.1.102')):
        for n in (0, 1):
            for port in PORTS:
                flow = Flow(t, client[:-1] + str(n), 1000, vip, port)
                flow.c('S')
                if flow.dest and vip != '10.0.1.102':
                    flow.r('SA')
                flow.c('A')
                flows.append(flow)
        conns(t)
    t.snap('ipvsadm -Ln --persistent-conn')
    for flow in flows:
        flow.c('A', b'data')
        if flow.dest and flow.vip != '10.0.1.102':
            flow.r('A', b'answer')
    for port in PORTS:
        t.c(dgram(C4, V4, 1000, port), 'UDP is not FTP')
    for service in ('10.0.1.100:21', '10.0.1.101:21', '10.0.1.102:21', '[fd01::100]:21'):
        for dest in (11, 12):
            one = '[fd02::%d]' % dest if '[' in service else '10.0.2.%d' % dest
            port = 2121 if dest == 12 and '100' in service else 21
            method = '-g' if '102' in service else '-m'
            if '101' not in service or dest == 11:
                t.admin('ipvsadm -e -t %s -r %s:%d %s -w 0' % (service, one, port, method))
    for client, vip in FAMILIES + ((C4, '10.0.1.101'), (C4, '10.0.1.102')):
        for port in PORTS:
            Flow(t, client[:-1] + '5', 3000, vip, port).c('S', note='no dest')
            Flow(t, client[:-1] + '0', 3000, vip, port).c('S', note='a template')
    conns(t)
    t.admin('ipvsadm -D -t 10.0.1.102:0')
    t.admin('ipvsadm -D -t 10.0.1.100:21')
    for vip in (V4, '10.0.1.102'):
        for port in PORTS:
            Flow(t, '10.0.1.10', 4000, vip, port).c('S', note='services have left')
    t.sleep(40)
    conns(t)
