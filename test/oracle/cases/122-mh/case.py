"""mh: every edit of dests, with clients that come before and after it."""
from steps import *


def run(t):
    firsts(t, 24)
    firsts(t, 8, vport=81)
    firsts(t, 2, vport=82)
    tables(t)
    t.admin('ipvsadm -e -t 10.0.1.100:80 -r 10.0.2.12:8080 -m -w 0')
    firsts(t, 24, cport=40001)
    t.admin('ipvsadm -e -t 10.0.1.100:80 -r 10.0.2.12:8080 -m -w 1')
    firsts(t, 16, cport=40002)
    t.admin('ipvsadm -a -t 10.0.1.100:80 -r 10.0.2.14:8080 -m -w 4')
    firsts(t, 24, cport=40003)
    t.admin('ipvsadm -d -t 10.0.1.100:80 -r 10.0.2.11:8080')
    firsts(t, 24, cport=40004)
    t.admin('ipvsadm -a -t 10.0.1.100:80 -r 10.0.2.11:8080 -m -w 0')
    firsts(t, 16, cport=40005)
    t.admin('ipvsadm -e -t 10.0.1.100:81 -r 10.0.2.11:81 -g -w 300')
    firsts(t, 8, vport=81, cport=40006)
    for n in (11, 12):
        t.admin('ipvsadm -e -t 10.0.1.100:81 -r 10.0.2.%d:81 -g -w 0' % n)
    firsts(t, 4, vport=81, cport=40007)
    t.admin('ipvsadm -a -t 10.0.1.100:82 -r 10.0.2.11:82 -i -w 1')
    firsts(t, 3, vport=82, cport=40008)
    tables(t)
