"""Packets that belong to no connection and may not start one are the host's to answer."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        for flags in ('A', 'FA', 'R', 'SR', ''):
            t.c(seg(client, vip, 1000, 80, flags, b'data'), 'no connection, ' + flags)
        t.c(seg(client, vip, 1000, 8081, 'S'), 'no service')
        t.c(dgram(client, vip, 1000, 5454), 'no service, UDP')
        t.c(seg(client, vip, 1000, 53, 'S'), 'a service of UDP')
        t.c(dgram(client, vip, 1000, 80), 'a service of TCP')
        own, dest = ('fd01::1', 'fd02::11') if is6(client) else ('10.0.1.1', '10.0.2.11')
        t.c(seg(client, own, 1000, 80, 'S'), 'to the host itself')
        t.c(seg(client, dest, 1000, 8080, 'S'), 'past the director to the dest')
        t.r(seg(dest, client, 8080, 1000, 'SA'), 'its answer')
        t.r(dgram(dest, client, 5353, 1000), 'a datagram of the dest')
        t.c(seg(client, dest, 1000, 8080, 'S', ttl=1), 'to the dest, TTL 1')
    conns(t)
