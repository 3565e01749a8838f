"""One-packet services: each datagram is scheduled anew and leaves no connection behind."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        for n in range(3):
            t.c(dgram(client, vip, 1000, 53, b'ask%d' % n), 'NAT')
        for n in range(4):
            t.c(dgram(client, vip, 1000, 54, b'ask%d' % n), 'DR or tunnel')
        conns(t)
        tables(t)
        dest = 'fd02::11' if is6(client) else '10.0.2.11'
        t.r(dgram(dest, client, 5353, 1000, b'answer'), 'a reply')
        t.c(error(client, vip, 1 if is6(client) else 3, 3, dgram(vip, client, 53, 1000)), 'ICMP')
        t.c(dgram(client, vip, 1000, 53, zero=True), 'without a checksum')
        t.c(dgram(client, vip, 1000, 53, bad=True), 'wrong checksum')
        for _ in range(2):
            t.c(dgram(client, vip, 1000, 53, ttl=1), 'TTL 1')
            t.c(dgram(client, vip, 1000, 54, ttl=1), 'TTL 1')
        t.c(dgram(client, vip, 20, 53), 'port 20')
        t.c(dgram(client, vip, 0, 53), 'port 0')
        t.c(dgram(client, vip, 1000, 53)[:44 if is6(client) else 24], 'cut short')
    for n in range(4):
        t.c(dgram(C4, V4, 1000, 55), 'wlc')
    conns(t)
    t.admin('ipvsadm -E -u 10.0.1.100:53 -s rr')
    t.c(dgram(C4, V4, 1000, 53), 'kept now')
    t.c(dgram(C4, V4, 1000, 53), 'kept now')
    t.r(dgram('10.0.2.12', C4, 5353, 1000, b'answer'), 'a reply')
    t.r(dgram('10.0.2.11', C4, 5353, 1000, b'answer'), 'a reply')
    conns(t)
    t.admin('ipvsadm -E -u 10.0.1.100:53 -s rr -o')
    t.c(dgram(C4, V4, 1000, 53), 'one packet again, on a connection')
    t.c(dgram(C4, V4, 1001, 53), 'one packet again')
    t.admin('ipvsadm -e -u 10.0.1.100:53 -r 10.0.2.11:5353 -m -w 0; '
            'ipvsadm -e -u 10.0.1.100:53 -r 10.0.2.12:5353 -m -w 0')
    t.c(dgram(C4, V4, 1002, 53), 'no dest')
    conns(t)
    tables(t)
