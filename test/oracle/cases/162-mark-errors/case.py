"""A service by mark whose dest keeps the packet's port: errors both ways, sizes, no dest."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        net, dest = ('fd09::1', 'fd02::11') if is6(vip) else ('10.0.9.1', '10.0.2.11')
        kind, code = (1, 4) if is6(client) else (3, 3)
        for to, port in ((vip, 8443), (net, 81)):
            flow = Flow(t, client, 2200 + port, to, port).established()
            t.c(error(client, to, kind, code, seg(to, client, port, 2200 + port, 'A')), 'reply')
            t.r(error(dest, client, kind, code, flow.sent), 'request')
            big = (2, 0) if is6(client) else (3, 4)
            t.r(error(dest, client, *big, flow.sent, mtu(1280)), 'too big')
            flow.c('A', b'x' * 1400, note='large')
        query = Flow(t, client, 2210, vip, 5353, 17)
        query.c()
        query.r()
        t.c(error(client, vip, kind, code, dgram(vip, client, 5353, 2210)), 'about an answer')
        conns(t)
        six = ' -6' if is6(vip) else ''
        host = '[fd02::11]' if is6(vip) else '10.0.2.11'
        t.admin('ipvsadm -e -f 9 -r %s:0 -m -w 0%s' % (host, six))
        t.c(seg(client, vip, 2220, 80, 'S'), 'no dest')
        t.c(dgram(client, vip, 2220, 53), 'no dest')
        query.c()
    conns(t)
    tables(t)
