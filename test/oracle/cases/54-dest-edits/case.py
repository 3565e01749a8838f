"""What an edited dest or service means to connections that live."""
from steps import *


def packets(t, flows):
    for flow in flows:
        flow.c('A')
        if flow.vport != 81:
            flow.r('A')


def run(t):
    flows = [opened(t, C4, 1000 + n, V4) for n in range(4)]
    flows += [opened(t, C6, 1000 + n, V6) for n in range(2)]
    for n in range(2):
        direct = Flow(t, C4, 1000 + n, V4, 81)
        direct.c('S')
        direct.c('A')
        flows.append(direct)
    for words in ('-t 10.0.1.100:80 -r 10.0.2.11:8080 -g', '-t 10.0.1.100:81 -r 10.0.2.11:81 -i',
                  '-t 10.0.1.100:81 -r 10.0.2.12:81 -m', '-t [fd01::100]:80 -r [fd02::11]:8080 -i'):
        t.admin('ipvsadm -e %s -w 2' % words)
    packets(t, flows)
    tables(t)
    conns(t)
    for n in range(4):
        Flow(t, C4, 1100 + n, V4).c('S')
        Flow(t, C4, 1100 + n, V4, 81).c('S')
    Flow(t, C6, 1100, V6).c('S')
    Flow(t, C6, 1101, V6).c('S')
    conns(t)
    tables(t)
    t.admin('ipvsadm -e -t 10.0.1.100:80 -r 10.0.2.12:8080 -m -w 1 -x 2 -y 1')
    t.admin('ipvsadm -E -t 10.0.1.100:80 -s wrr')
    packets(t, flows)
    tables(t)
    t.admin('ipvsadm -e -t 10.0.1.100:80 -r 10.0.2.12:8080 -m -w 0')
    packets(t, flows)
    t.admin('ipvsadm -E -t 10.0.1.100:80 -s rr')
    packets(t, flows)
    conns(t)
