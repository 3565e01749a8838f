"""dh: the virtual address chooses, weights do not; every edit of dests."""
from steps import *

VIPS = ['10.0.1.%d' % n for n in range(100, 103)]
PORTS = range(80, 84)


def all_of(t, cport):
    for vip in VIPS:
        for vport in PORTS:
            firsts(t, 1, vip, vport, cport=cport)
        firsts(t, 2, vip, 53, 17, cport=cport)


def each(t, words):
    for vip in VIPS:
        for vport in PORTS:
            t.admin('ipvsadm ' + words % (vip, vport))


def run(t):
    all_of(t, 40000)
    each(t, '-e -t %s:%d -r 10.0.2.12:8080 -m -w 0')
    all_of(t, 40001)
    each(t, '-d -t %s:%d -r 10.0.2.11:8080')
    all_of(t, 40002)
    each(t, '-a -t %s:%d -r 10.0.2.17:8080 -m -w 1')
    all_of(t, 40003)
    each(t, '-e -t %s:%d -r 10.0.2.12:8080 -m -w 2')
    all_of(t, 40004)
    tables(t)
