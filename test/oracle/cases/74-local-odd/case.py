"""Odd packets to dests that are the director: loopback addresses, ICMP errors of the client, client
port 0, one dest here and one elsewhere, a dest whose address leaves the director and comes back."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        t.c(seg(client, vip, 1000, 80, 'S'), 'SYN to loopback')
        t.c(seg(client, vip, 1000, 80, 'A'), 'ACK to loopback')
        t.c(dgram(client, vip, 1001, 53), 'UDP')
        about = dgram(vip, client, 53, 1001)
        for kind, code in ((1, 4), (2, 0)) if is6(client) else ((3, 3), (3, 4), (11, 0)):
            rest = mtu(1300) if (kind, code) in ((2, 0), (3, 4)) else mtu(0)
            t.c(error(client, vip, kind, code, about, rest), 'error %d/%d' % (kind, code))
            t.c(error(client, vip, kind, code, about, rest, bad=True), 'wrong checksum')
        t.c(dgram(client, vip, 0, 53), 'from port 0')
        t.c(dgram(client, vip, 1002, 53, b'odd'), 'an odd length')
        flows = [Flow(t, client, 2000 + i, vip, 81) for i in range(4)]
        for flow in flows:
            flow.c('S')
        for flow in flows:
            if flow.dest:
                flow.r('SA')
            flow.c('A')
        conns(t)
    for i, ttl in enumerate((64, 1)):
        t.c(seg(C4, V4, 3000 + i, 82, 'S', ttl=ttl), 'dr, TTL %d' % ttl)
        t.c(seg(C4, V4, 3000 + i, 82, 'FA', ttl=ttl), 'dr, FIN')
    t.admin('ipvsadm -d -t 10.0.1.100:82 -r 10.0.2.1:82')
    t.c(seg(C4, V4, 3000, 82, 'A'), 'dest removed')
    t.admin('ipvsadm -D -u 10.0.1.100:53')
    t.c(dgram(C4, V4, 1001, 53), 'service removed')
    conns(t)
    t.sleep(3)
