"""sh and mh for datagrams, with connections and without."""
from steps import *


def all_of(t, count, cport):
    for vport in range(80, 86):
        firsts(t, count, vport=vport, proto=17, cport=cport, first=cport)
        ports(t, count, vport=vport, proto=17, cport=cport)
    firsts(t, count, V6, 80, 17, cport, cport)
    ports(t, count, V6, 80, 17, cport)


def run(t):
    all_of(t, 6, 20000)
    all_of(t, 3, 20000)
    for vport in range(80, 86):
        t.admin('ipvsadm -e -u 10.0.1.100:%d -r 10.0.2.12:%d -m -w 0' % (vport, vport))
    all_of(t, 6, 30000)
    for vport in range(80, 86):
        t.admin('ipvsadm -d -u 10.0.1.100:%d -r 10.0.2.12:%d' % (vport, vport))
    all_of(t, 4, 40000)
    tables(t)
