"""Connection thresholds: every scheduler passes over who is overloaded, until enough have ended."""
from steps import *

PORT = 1024


def some(t, vport, count):
    global PORT
    for _ in range(count):
        t.syn(C4, PORT, V4, vport)
        PORT += 1


def limit(t, vport, host, weight, words):
    t.admin('ipvsadm -e -t 10.0.1.100:%d -r 10.0.2.%d:%d -m -w %d %s' %
            (vport, host, vport, weight, words))


def run(t):
    for vport in range(80, 90):
        limit(t, vport, 12, 3, '-x 3')
        limit(t, vport, 13, 2, '-x 4 -y 2')
        some(t, vport, 12)
        limit(t, vport, 11, 1, '-x 1')
        some(t, vport, 2)
        limit(t, vport, 11, 1, '-x 8')
        some(t, vport, 2)
        t.snap('ipvsadm -Ln --thresholds')
    t.sleep(70)
    for vport in range(80, 90):
        flows = [opened(t, C4, 20000 + vport * 20 + n, V4, vport) for n in range(6)]
        for flow in flows[:5]:
            if flow.dest is not None:
                flow.c('R')
            t.sleep(13)
            some(t, vport, 1)
        some(t, vport, 3)
    tables(t)
    conns(t)
