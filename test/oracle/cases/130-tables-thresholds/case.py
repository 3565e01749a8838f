"""sh, mh and dh with dests that are full."""
from steps import *


def run(t):
    for vport in range(80, 85):
        firsts(t, 14, vport=vport)
        for n in (11, 12, 13):
            t.admin('ipvsadm -e -t 10.0.1.100:%d -r 10.0.2.%d:%d -m -w 1 -x 6' % (vport, n, vport))
        firsts(t, 10, vport=vport, cport=40001)
        t.admin('ipvsadm -e -t 10.0.1.100:%d -r 10.0.2.12:%d -m -w 0 -x 6' % (vport, vport))
        firsts(t, 6, vport=vport, cport=40002)
    tables(t)
