"""IPv4 options on replies through NAT, which pass the director as a router."""
from steps import *


def run(t):
    flow = opened(t, C4, 1000, V4)
    for name, options in {
            'NOP': b'\1\1\1\1', 'router alert': ALERT, 'record route': RR(3),
            'record route, full': RR(1, 8), 'timestamps, full': TS(2, 0, 13),
            'timestamps of another': TS(2, 3, 5, ip4('10.9.9.9')),
            'unknown': b'\x9e\x04\0\0', 'record route and NOP': b'\1' + RR(2)[:11]}.items():
        flow.r('A', b'x', ipopts=options, note=name)
    flow.r('A', ipopts=RR(2), ttl=1, note='record route, TTL 1')
    flow.r('A', ipopts=b'\x07\x02\x04\0', note='record route of two bytes')
    flow.r('A', ipopts=b'\x83\x07\x04' + ip4('10.0.1.9') + b'\0', note='loose source route')
    udp_flow = Flow(t, C4, 1000, V4, 53, 17)
    udp_flow.c()
    udp_flow.r(ipopts=RR(2), note='UDP, record route')
    t.r(seg('10.0.2.33', C4, 9, 9, 'A', ipopts=RR(2)), 'no connection, record route')
    conns(t)
