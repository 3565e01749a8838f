"""IPv4 sources and destinations that the host refuses before IPVS, and those it lets through."""
from steps import *


def run(t):
    sources = ['127.0.0.1', '0.0.0.0', '0.1.2.3', '224.0.0.1', '239.1.1.1', '255.255.255.255',
               '240.0.0.1', '10.0.1.1', '10.0.2.1', V4, '10.0.1.255', '10.0.1.0', '169.254.1.1',
               '10.0.2.11', '192.0.2.5']
    for n, source in enumerate(sources):
        mac_of = t.eth('c', seg('10.0.1.9', V4, 1, 80, 'S'))[:14]
        t.frame('c', mac_of + seg(source, V4, 100 + n, 80, 'S'), 'TCP from ' + source)
        t.frame('c', mac_of + dgram(source, V4, 100 + n, 53), 'UDP from ' + source)
    t.c(seg(V4, V4, 80, 80, 'S'), 'land')
    for dst in ('10.0.1.255', '255.255.255.255', '224.0.0.1', '127.0.0.1', '10.0.1.1'):
        t.frame('c', mac_of + seg(C4, dst, 300, 80, 'S'), 'to ' + dst)
    flow = opened(t, C4, 1000, V4)
    for source in ('10.0.2.1', V4, '127.0.0.1', '224.0.0.1', '240.0.0.5'):
        t.r(seg(source, C4, flow.dport, 1000, 'A'), 'from the server side as ' + source)
    for dst in ('127.0.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '10.0.1.255'):
        t.r(seg(flow.dest, dst, flow.dport, 1000, 'A'), 'from the dest to ' + dst)
    conns(t)
