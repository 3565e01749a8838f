"""The only service and its dest come and go under connections; another family's service too."""
from steps import *

SERVICE = 'ipvsadm -A -t 10.0.1.100:80 -s rr'
DEST = 'ipvsadm -a -t 10.0.1.100:80 -r 10.0.2.11:8080 -m'


def packets(t, flow, note):
    flow.c('A', note=note + ': client')
    flow.r('A', note=note + ': dest')
    t.c(seg(C4, V4, flow.cport + 1, 80, 'S'), note + ': new')
    t.c(error(C4, V4, 3, 1, seg(V4, C4, 80, flow.cport, 'A')), note + ': error to the dest')
    t.r(error('10.0.2.11', C4, 3, 1, seg(C4, '10.0.2.11', flow.cport, 8080, 'A')),
        note + ': error to the client')


def run(t):
    for nodest in (0, 1):
        t.admin('sysctl -w net.ipv4.vs.expire_nodest_conn=%d' % nodest)
        flow = opened(t, C4, 1000 + 100 * nodest, V4)
        packets(t, flow, 'there')
        t.admin('ipvsadm -d -t 10.0.1.100:80 -r 10.0.2.11:8080')
        packets(t, flow, 'dest removed')
        t.admin(DEST)
        packets(t, flow, 'dest returned')
        t.admin('ipvsadm -D -t 10.0.1.100:80')
        conns(t)
        packets(t, flow, 'service deleted')
        t.admin('ipvsadm -A -t [fd01::100]:80 -s rr')
        packets(t, flow, 'a service of IPv6')
        t.admin('ipvsadm -A -u 10.0.1.100:53 -s rr')
        packets(t, flow, 'another service')
        conns(t)
        t.admin(SERVICE)
        packets(t, flow, 'service again')
        t.admin(DEST)
        packets(t, flow, 'dest again')
        tables(t)
        conns(t)
        t.admin('ipvsadm -C')
        packets(t, flow, 'cleared')
        t.admin(SERVICE)
        t.admin(DEST)
        packets(t, flow, 'restored')
        tables(t)
        conns(t)
