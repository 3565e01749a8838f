"""cache_bypass: what finds no dest of a mark's service goes where it was going."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        far, near = ('fd03::10', 'fd02::30') if is6(vip) else ('10.0.3.10', '10.0.2.30')
        t.c(seg(client, far, 2600, 80, 'S'), 'no dest, no bypass')
    t.admin('sysctl -w net.ipv4.vs.cache_bypass=1')
    for client, vip in FAMILIES:
        far, near = ('fd03::10', 'fd02::30') if is6(vip) else ('10.0.3.10', '10.0.2.30')
        for n, to in enumerate((far, near)):
            for flags in ('S', 'A', 'PA', 'FA', 'A'):
                t.c(seg(client, to, 2610 + n, 80, flags), flags)
        t.c(dgram(client, far, 2620, 53), 'UDP')
        t.c(dgram(client, far, 2620, 53), 'again')
        t.c(seg(client, vip, 2621, 80, 'S'), 'an address of the host')
        t.c(seg(client, far, 2622, 80, 'S', ttl=1), 'TTL 1')
        t.c(seg(client, far, 2623, 80, 'S', b'x' * 1400), 'large')
        conns(t)
        t.sleep(5)
        t.c(seg(client, far, 2600, 80, 'S'), 'again')
        t.c(seg(client, far, 2600, 80, 'R'), 'reset')
        conns(t)
    t.admin('sysctl -w net.ipv4.vs.cache_bypass=0')
    t.c(seg(C4, '10.0.3.10', 2610, 80, 'S'), 'stays')
    t.c(seg(C4, '10.0.3.10', 2630, 80, 'S'), 'no bypass')
    t.sleep(125)
    conns(t)
    tables(t)
