"""IPv4 options on requests: the director fills in what a host and router fills in."""
from steps import *

OPTIONS = {
    'NOP': b'\1\1\1\1', 'end': b'\0\0\0\0', 'router alert': ALERT,
    'record route': RR(3), 'record route, one slot': RR(1), 'record route, full': RR(2, 12),
    'record route, half full': RR(3, 8), 'timestamps, full': TS(1, 0, 9),
    'timestamps, overflow 3': b'\x44\x08\x09\x30\0\0\0\0',
    'addresses and timestamps, full': TS(2, 1, 13),
    'timestamps of another': TS(2, 3, 5, ip4('10.9.9.9')),
    'unknown': b'\x9e\x04\0\0', 'stream id': b'\x88\x04\x12\x34',
    'security': b'\x82\x0b' + b'\0' * 9 + b'\0', 'NOP then record route': b'\1' + RR(1)[:7],
}


def run(t):
    for n, (name, options) in enumerate(OPTIONS.items()):
        t.c(seg(C4, V4, 1000 + n, 80, 'S', ipopts=options), name)
        if name in ('NOP', 'record route', 'timestamps, full', 'router alert'):
            for port in (81, 82):
                t.c(seg(C4, V4, 1000 + n, port, 'S', ipopts=options), name + ', DR or tunnel')
            t.c(dgram(C4, V4, 1000 + n, 53, ipopts=options), name + ', UDP')
    t.c(seg(C4, V4, 1000, 80, 'A', ipopts=RR(3)), 'record route, known connection')
    t.c(seg(C4, V4, 1000, 80, 'A', ipopts=RR(3), ttl=1), 'record route, TTL 1')
    t.c(seg(C4, '10.0.1.1', 1000, 80, 'S', ipopts=RR(3)), 'record route, to the host')
    conns(t)
