"""Dests removed and returned, services deleted and made again, while connections live."""
from steps import *

NAT = '-t 10.0.1.100:80 -r 10.0.2.11:8080 -m'


def starts(t, base):
    flows = [opened(t, C4, base + n, V4) for n in range(4)]
    flows += [opened(t, C6, base + n, V6) for n in range(2)]
    flows.append(Flow(t, C4, base, V4, 53, 17))
    flows.append(Flow(t, C4, base + 1, V4, 53, 17))
    for flow in flows[-2:]:
        flow.c()
    return flows


def packets(t, flows):
    for flow in flows:
        flow.c('A')
        flow.r('A')


def look(t):
    tables(t)
    conns(t)


def run(t):
    flows = starts(t, 1000)
    t.admin('ipvsadm -d -t 10.0.1.100:80 -r 10.0.2.11:8080')
    t.admin('ipvsadm -a -t 10.0.1.100:80 -r 10.0.2.11:8081 -m')
    packets(t, flows)
    look(t)
    t.admin('ipvsadm -a %s -w 3' % NAT)
    packets(t, flows)
    look(t)
    t.snap('ipvsadm -Ln --stats --exact')
    t.admin('ipvsadm -D -t 10.0.1.100:80')
    packets(t, flows[:4])
    Flow(t, C4, 1100, V4).c('S', note='no service')
    t.admin('ipvsadm -A -t 10.0.1.100:80 -s rr')
    packets(t, flows[:4])
    Flow(t, C4, 1101, V4).c('S', note='no dest')
    t.admin('ipvsadm -a -t 10.0.1.100:80 -r 10.0.2.12:8080 -m')
    packets(t, flows[:4])
    look(t)
    t.snap('ipvsadm -Ln --stats --exact')
    t.admin('ipvsadm -C')
    packets(t, flows)
    conns(t)
    t.admin('ipvsadm -A -t 10.0.1.100:80 -s wlc')
    t.admin('ipvsadm -a -t 10.0.1.100:80 -r 10.0.2.11:8080 -g')
    t.admin('ipvsadm -a -t 10.0.1.100:80 -r 10.0.2.12:8080 -i')
    packets(t, flows)
    look(t)
    Flow(t, C4, 1200, V4).c('S')
    Flow(t, C4, 1201, V4).c('S')
    look(t)
    t.snap('ipvsadm -Ln --stats --exact')
    t.admin('ipvsadm -d -t 10.0.1.100:80 -r 10.0.2.11:8080')
    t.sleep(200)
    t.admin('ipvsadm -a -t 10.0.1.100:80 -r 10.0.2.11:8080 -m')
    look(t)
