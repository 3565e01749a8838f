"""Services by mark, DR and tunnel: what is listed of their connections, and dests edited."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        flows = [Flow(t, client, 2100 + n, vip, 80 + n) for n in range(5)]
        for flow in flows:
            flow.c('S')
        for flow in flows:
            flow.c('A')
        for n in range(3):
            Flow(t, client, 2110 + n, vip, 53 + n, 17).c()
        conns(t)
        six, dest = (' -6', '[fd02::12]') if is6(vip) else ('', '10.0.2.12')
        t.admin('ipvsadm -e -f 21 -r %s:0 -m -w 2%s' % (dest, six))
        for flow in flows:
            flow.c('A')
        more = Flow(t, client, 2120, vip, 90)
        more.c('S')
        more.r('SA')
        t.admin('ipvsadm -e -f 21 -r %s:0 -g -w 2%s' % (dest, six))
        more.c('A')
        more.r('A', b'page')
        conns(t)
        t.admin('ipvsadm -d -f 21 -r %s:0%s' % (dest, six))
        more.c('A')
        more.r('A', b'page')
        flows[0].c('FA')
        conns(t)
    tables(t)
