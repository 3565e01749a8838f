"""sloppy_tcp: any packet but a reset may start a connection, and the state it starts in."""
from steps import *


def run(t):
    for sloppy in (0, 1):
        t.admin('sysctl -w net.ipv4.vs.sloppy_tcp=%d' % sloppy)
        for client, vip in FAMILIES:
            for n, flags in enumerate(('A', 'PA', 'FA', 'F', '', 'R', 'RA', 'SA')):
                port = 1000 + 100 * sloppy + n
                t.c(seg(client, vip, port, 80, flags, b'x'), 'sloppy %d, %s' % (sloppy, flags))
                if n % 3 == 0:
                    t.c(seg(client, vip, port, 81, flags), 'sloppy %d, DR, %s' % (sloppy, flags))
    t.admin('sysctl -w net.ipv4.vs.sloppy_tcp=0')
    t.c(seg(C4, V4, 1100, 80, 'A'), 'off again: known')
    t.c(seg(C4, V4, 1200, 80, 'A'), 'off again: unknown')
    conns(t)
    tables(t)
