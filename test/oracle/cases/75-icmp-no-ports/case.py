"""ICMP errors whose quote ends before its ports, with schedule_icmp and without."""
from steps import *


def errors(t, client, vip, dest, note):
    kind, code = (1, 4) if is6(client) else (3, 3)
    head = 40 if is6(client) else 20
    for proto in (6, 17):
        quoted = (seg(vip, client, 80, 1000, 'A') if proto == 6 else dgram(vip, client, 53, 1000))
        for more in (0, 1, 3, 4):
            t.c(error(client, vip, kind, code, quoted[:head + more]), '%s, %d' % (note, more))
            t.r(error(dest, client, kind, code, quoted[:head + more]), 'through, %d' % more)
        t.r(error(dest, client, kind, code, quoted[:head], ttl=1), 'through, one hop')
    t.c(error(client, vip, kind, code, packet(vip, client, 47, b'')), 'GRE')
    conns(t)


def run(t):
    for on in (0, 1):
        t.admin('sysctl -w net.ipv4.vs.schedule_icmp=%d' % on)
        errors(t, C4, V4, '10.0.2.11', 'to the VIP')
        errors(t, C6, V6, 'fd02::11', 'to the VIP')
    t.sleep(4)
    tables(t)
