"""A dest that is the director itself: the host answers, by NAT as from the virtual service."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        for port in (80, 81) if is6(client) else (80, 81, 82, 83):
            t.c(seg(client, vip, 1000, port, 'S'), 'SYN to %d' % port)
            t.c(seg(client, vip, 1000, port, 'A'), 'ACK to %d' % port)
            t.c(seg(client, vip, 1001, port, 'S', ttl=1), 'TTL 1')
            t.c(seg(client, vip, 1002, port, 'S', tos=0x1c, bad=True), 'wrong checksum')
        for port in (53, 54):
            t.c(dgram(client, vip, 1000, port), 'UDP to %d' % port)
            t.c(dgram(client, vip, 1001, port, zero=True), 'without a checksum')
            t.c(dgram(client, vip, 1002, port, ttl=1), 'TTL 1')
        conns(t)
    t.snap('ipvsadm -Ln --stats --exact')
