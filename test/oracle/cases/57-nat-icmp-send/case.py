"""nat_icmp_send: what a NAT dest sends without a connection is answered with port unreachable."""
from steps import *

R4, R6, FAR = '10.0.2.11', 'fd02::11', '10.0.3.11'


def strays(t, note):
    for server, client in ((R4, C4), (R6, C6)):
        for flags in ('A', 'S', 'SA', 'FA', 'PA', '', 'R', 'RA', 'SR'):
            t.r(seg(server, client, 8080, 1000, flags, b'x'), '%s, %s' % (note, flags))
        t.r(dgram(server, client, 8080, 1000), note + ', UDP from the port of a TCP dest')
        t.r(seg(server, client, 8081, 1000, 'A'), note + ', another port')
        t.r(seg(server, client, 8080, 1000, 'A', ttl=1), note + ', TTL 1')
        t.r(seg(server, client, 8080, 1000, 'A', tos=0xbb), note + ', TOS')
        t.r(seg(server, client, 8080, 1000, 'A', bad=True), note + ', wrong checksum')
        t.r(seg(server, client, 8080, 1000, 'A', b'y' * 1000), note + ', long')
    t.r(dgram(R4, C4, 5353, 1000), note + ', UDP')
    t.r(dgram(R4, C4, 5353, 1000, zero=True), note + ', UDP without checksum')
    t.r(seg(R4, C4, 81, 1000, 'A'), note + ', DR')
    t.r(seg('10.0.2.12', C4, 81, 1000, 'A'), note + ', tunnel')
    t.r(seg('10.0.2.12', C4, 8080, 1000, 'A'), note + ', no dest')
    t.r(seg(R4, '10.0.2.1', 8080, 1000, 'A'), note + ', to the director')
    t.r(seg(R4, V4, 8080, 1000, 'A'), note + ', to the VIP')
    if note == 'on':
        t.r(seg(R4, V4, 8080, 80, 'S'), note + ', a SYN to the service')
    t.r(seg(R4, '10.0.4.11', 8080, 1000, 'A'), note + ', to another net')
    t.r(seg(FAR, C4, 8080, 1000, 'A'), note + ', from behind a router')
    t.c(seg(C4, R4, 1000, 8080, 'A'), note + ', from a client to the dest')


def run(t):
    live = opened(t, C4, 2000, V4)
    strays(t, 'off')
    t.admin('sysctl -w net.ipv4.vs.nat_icmp_send=1')
    strays(t, 'on')
    live.r('A')
    live.c('A')
    t.admin('ipvsadm -d -t 10.0.1.100:80 -r 10.0.2.11:8080')
    t.r(seg(R4, C4, 8080, 1000, 'A'), 'removed')
    live.r('A', note='removed, with a connection')
    t.admin('ipvsadm -a -t 10.0.1.100:80 -r 10.0.2.11:8080 -g')
    t.r(seg(R4, C4, 8080, 1000, 'A'), 'returned with DR')
    t.admin('ipvsadm -e -t 10.0.1.100:80 -r 10.0.2.11:8080 -m')
    t.r(seg(R4, C4, 8080, 1000, 'A'), 'edited to NAT')
    conns(t)
    tables(t)
