"""The reverse path filter as set on the interface: strict, loose, off, and all's say in it."""
from steps import *


def run(t):
    flow = opened(t, C4, 1000, V4)
    far = opened(t, '172.16.5.9', 1000, V4)
    port = [2000]

    def probe(note):
        port[0] += 1
        for source in (C4, '172.16.5.9', '10.0.2.33', '10.0.3.7', '10.0.4.9'):
            frame = t.eth('c', seg(C4, V4, 1, 80, 'S'))[:14] + seg(source, V4, port[0], 80, 'S')
            t.frame('c', frame, '%s: from %s' % (note, source))
        t.r(seg('10.0.1.77', V4, port[0], 80, 'S'), note + ': a client on the wrong side')
        flow.c('A', note=note + ': known')
        far.r('A', note=note + ': reply to afar')

    probe('off')
    t.admin('sysctl -w net.ipv4.conf.c0.rp_filter=1')
    probe('strict on c0')
    t.admin('sysctl -w net.ipv4.conf.c0.rp_filter=2')
    probe('loose on c0')
    t.admin('sysctl -w net.ipv4.conf.c0.rp_filter=0')
    t.admin('sysctl -w net.ipv4.conf.all.rp_filter=1')
    probe('strict everywhere')
    conns(t)
