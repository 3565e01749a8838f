"""mh: the last weight that was not 0 has the slots, whatever the scheduler was at the time."""
from steps import *


def weigh(t, vport, n, weight):
    t.admin('ipvsadm -e -t 10.0.1.100:%d -r 10.0.2.%d:%d -m -w %d' % (vport, n, vport, weight))


def run(t):
    firsts(t, 30)
    firsts(t, 3, vport=83)
    weigh(t, 80, 11, 0)
    firsts(t, 20, cport=40001)
    weigh(t, 80, 13, 50)
    firsts(t, 20, cport=40002)
    weigh(t, 80, 13, 0)
    weigh(t, 80, 11, 2147483647)
    firsts(t, 20, cport=40003)
    weigh(t, 81, 11, 0)
    firsts(t, 12, vport=81)
    weigh(t, 81, 12, 0)
    firsts(t, 3, vport=81, cport=40001)
    weigh(t, 81, 11, 0)
    weigh(t, 81, 12, 3)
    firsts(t, 12, vport=81, cport=40002)
    weigh(t, 82, 11, 0)
    t.admin('ipvsadm -E -t 10.0.1.100:82 -s mh')
    firsts(t, 24, vport=82)
    t.admin('ipvsadm -d -t 10.0.1.100:82 -r 10.0.2.11:82')
    t.admin('ipvsadm -a -t 10.0.1.100:82 -r 10.0.2.11:82 -m -w 0')
    firsts(t, 20, vport=82, cport=40001)
    weigh(t, 83, 11, 1)
    firsts(t, 6, vport=83, cport=40001)
    weigh(t, 83, 11, 0)
    weigh(t, 83, 12, 1)
    firsts(t, 10, vport=83, cport=40002)
    tables(t)
