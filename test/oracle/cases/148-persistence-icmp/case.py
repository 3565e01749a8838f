"""ICMP errors about no connection that make one, to the dest of the client's template."""
from steps import *


def run(t):
    for n in range(3):
        for port in (1000, 1001):
            client = '10.0.1.1%d' % n
            t.c(error(client, V4, 3, 3, seg(V4, client, 80, port, 'A')), 'about TCP')
            client = 'fd01::1%d' % n
            t.c(error(client, V6, 1, 4, dgram(V6, client, 53, port)), 'about UDP')
        conns(t)
    t.snap('ipvsadm -Ln --persistent-conn')
    for n in range(3):
        Flow(t, '10.0.1.1%d' % n, 2000, V4).c('S')
        Flow(t, 'fd01::1%d' % n, 2000, V6, 53, 17).c()
    conns(t)
    for dest in ('11', '12'):
        t.admin('ipvsadm -d -t 10.0.1.100:80 -r 10.0.2.%s:80' % dest)
    client = '10.0.1.17'
    t.c(error(client, V4, 3, 3, seg(V4, client, 80, 1000, 'A')), 'no dest')
    conns(t)
    t.sleep(12)
    conns(t)
