"""ICMP errors about connections by DR and tunnel: unchanged, by the dest's way or through."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        six = is6(client)
        near, far = ('fd01::77', 'fd02::99') if six else ('10.0.1.77', '10.0.2.99')
        kind, code = (1, 4) if six else (3, 3)
        for proto, vport in ((6, 81), (6, 82), (17, 54), (17, 55)):
            flow = Flow(t, client, 1000, vip, vport, proto)
            flow.c('S')
            flow.c('A')
            t.sleep(5)
            make = (lambda a, b, x, y: seg(a, b, x, y, 'A')) if proto == 6 else dgram
            reply = make(vip, client, vport, 1000)
            request = make(client, vip, 1000, vport)
            t.c(error(near, vip, kind, code, reply), 'about a reply')
            t.c(error(client, vip, kind, code, reply, ttl=1), 'about a reply, TTL 1')
            t.c(error(client, vip, kind, code, reply, bad=True), 'wrong sum')
            t.c(error(client, vip, 3, 0 if six else 4, reply, mtu(1400)), 'other type')
            t.c(error(client, 'fd01::1' if six else '10.0.1.1', kind, code, reply), 'to the host')
            t.c(error(client, vip, kind, code, reply[:44 if six else 24]), 'ports only')
            t.c(error(client, vip, kind, code, reply[:43 if six else 23]), 'not all ports')
            t.r(error(far, client, kind, code, request), 'about a request, to the client')
            t.r(error(far, client, kind, code, request, bad=True), 'the same, wrong sum')
            t.r(error(far, client, kind, code, request, ttl=1), 'the same, TTL 1')
            t.r(error(far, vip, kind, code, request), 'about a request, to the VIP')
            t.c(error(near, vip, kind, code, request), 'about a request, from the client side')
            if not six:
                t.c(error(near, vip, kind, code, reply + b'x' * 1420), 'as long as the MTU')
            conns(t)
        t.snap('ipvsadm -Ln --stats --exact')
