"""mh-port and mh-fallback: ports that count, dests that are quiesced, flags that change."""
from steps import *


def all_of(t, count, cport):
    for vport in (80, 81, 82, 83):
        firsts(t, count, vport=vport, cport=cport, first=cport)
        ports(t, count, vport=vport, cport=cport)


def run(t):
    all_of(t, 8, 20000)
    for vport in (80, 81, 82):
        t.admin('ipvsadm -e -t 10.0.1.100:%d -r 10.0.2.12:%d -m -w 0' % (vport, vport))
    all_of(t, 10, 30000)
    for vport in (80, 81, 82):
        t.admin('ipvsadm -e -t 10.0.1.100:%d -r 10.0.2.13:%d -m -w 0' % (vport, vport))
    all_of(t, 8, 40000)
    t.admin('ipvsadm -E -t 10.0.1.100:80 -s mh -b mh-fallback')
    t.admin('ipvsadm -E -t 10.0.1.100:81 -s mh -b mh-port')
    t.admin('ipvsadm -E -t 10.0.1.100:82 -s mh')
    t.admin('ipvsadm -E -t 10.0.1.100:83 -s mh -b mh-fallback,mh-port')
    all_of(t, 6, 50000)
    t.admin('ipvsadm -e -t 10.0.1.100:81 -r 10.0.2.11:81 -m -w 0')
    t.admin('ipvsadm -e -t 10.0.1.100:80 -r 10.0.2.11:80 -m -w 0')
    all_of(t, 4, 60000)
    tables(t)
    t.snap('ipvsadm -Sn')
