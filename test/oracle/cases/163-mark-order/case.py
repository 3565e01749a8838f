"""Rules of marks: the last one that matches; mark before address; a mark without a service."""
from steps import *


def run(t):
    for n, port in enumerate((80, 81, 82, 83, 89, 90)):
        flow = Flow(t, C4, 2300 + n, V4, port)
        flow.c('S', note='port %d' % port)
    t.c(seg('10.0.1.11', V4, 2310, 80, 'S'), 'a service without dests')
    t.c(seg('10.0.1.11', V4, 2311, 83, 'S'), 'another port')
    t.r(seg('10.0.2.20', V4, 2312, 80, 'S'), 'by another interface')
    flow = Flow(t, C4, 2313, V4, 53, 17)
    flow.c(note='a mark without a service')
    flow.r()
    conns(t)
    t.sleep(3)
    t.admin('ipvsadm -D -f 1')
    t.c(seg(C4, V4, 2300, 80, 'A'), 'its dest is gone')
    flow = Flow(t, C4, 2320, V4, 80)
    flow.c('S', note='the address has one too')
    t.sleep(3)
    t.admin('ipvsadm -A -f 1 -s rr')
    t.c(seg(C4, V4, 2321, 80, 'S'), 'no dest yet')
    t.admin('ipvsadm -a -f 1 -r 10.0.2.11:0 -m')
    t.c(seg(C4, V4, 2300, 80, 'A'), 'its dest is back')
    t.c(seg(C4, V4, 20, 90, 'S'), 'FTP data')
    conns(t)
    tables(t)
