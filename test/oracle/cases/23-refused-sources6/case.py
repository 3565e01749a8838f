"""IPv6 sources and destinations that the host refuses before IPVS, and those it lets through."""
from steps import *


def run(t):
    sources = ['::', '::1', '::2', 'ff02::1', 'ff0e::1', 'fd01::1', 'fd02::1', V6, 'fe80::9',
               '::ffff:10.0.1.10', '::10.0.1.10', '2002:a00:10a::1', '2001:db8::5', 'fec0::1',
               'fd02::11']
    for n, source in enumerate(sources):
        mac_of = t.eth('c', seg('fd01::19', V6, 1, 80, 'S'))[:14]
        t.frame('c', mac_of + seg(source, V6, 100 + n, 80, 'S'), 'TCP from ' + source)
        t.frame('c', mac_of + dgram(source, V6, 100 + n, 53), 'UDP from ' + source)
    t.c(seg(V6, V6, 80, 80, 'S'), 'land')
    for dst in ('::1', 'ff02::1', 'fd01::1', '::ffff:10.0.1.100', 'fe80::1'):
        t.frame('c', mac_of + seg(C6, dst, 300, 80, 'S'), 'to ' + dst)
    flow = opened(t, C6, 1000, V6)
    for source in ('fd02::1', V6, '::1', 'ff02::5', '::', 'fe80::11'):
        t.r(seg(source, C6, flow.dport, 1000, 'A'), 'from the server side as ' + source)
    for dst in ('::1', '::', 'ff0e::1', 'fe80::10'):
        t.r(seg(flow.dest, dst, flow.dport, 1000, 'A'), 'from the dest to ' + dst)
    conns(t)
