"""sh, mh and dh in IPv6, whose addresses are folded into 32 bits."""
from steps import *


def all_of(t, count, cport):
    for vport in range(80, 85):
        firsts(t, count, V6, vport, cport=cport, first=cport)
        ports(t, count // 2, V6, vport, cport=cport)


def run(t):
    all_of(t, 10, 20000)
    for vport in range(80, 85):
        t.admin('ipvsadm -e -t [fd01::100]:%d -r [fd02::12]:%d -m -w 0' % (vport, vport))
    all_of(t, 8, 30000)
    for vport in range(80, 85):
        t.admin('ipvsadm -d -t [fd01::100]:%d -r [fd02::12]:%d' % (vport, vport))
    all_of(t, 6, 40000)
    tables(t)
