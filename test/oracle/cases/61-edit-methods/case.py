"""Each forwarding method edited into each while a connection lives: old and new ones after it."""
from steps import *

METHODS = ('-m', '-g', '-i')


def run(t):
    for vport in (*range(100, 109), *range(120, 129)):
        t.c(seg(C4, V4, 1000, vport, 'S'), 'old')
        t.c(seg(C4, V4, 1000, vport, 'A'), 'old')
    for base, first, second in ((100, 1000, 2000), (120, 2000, 1000)):
        for n in range(9):
            t.admin('ipvsadm -e -t 10.0.1.100:%d -r 10.0.2.%d:%d %s -w 2'
                    % (base + n, 11 + n, base + n, METHODS[n % 3]))
            for port in (first, second, first):
                t.c(seg(C4, V4, port, base + n, 'A' if port == 1000 else 'S'),
                    '%s edited to %s, %s' % (METHODS[n // 3], METHODS[n % 3],
                                             'old' if port == 1000 else 'new'))
    conns(t)
    tables(t)
