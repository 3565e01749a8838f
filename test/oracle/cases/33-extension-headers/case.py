"""IPv6 extension headers are skipped and stay; what is no such header is not."""
from steps import *

PAD = b'\1\4\0\0\0\0'
HOP, DST, ROUTE, FRAG, AH, NONE, MOBILE = 0, 60, 43, 44, 51, 59, 135


def chain(src, dst, l4, *headers, last=6):
    """An IPv6 packet with headers, each (number, bytes after its next-header byte)."""
    body = b''
    following = [h[0] for h in headers[1:]] + [last]
    for (_, rest), after in zip(headers, following):
        body += bytes([after]) + rest
    return ip(src, dst, headers[0][0], body + l4)


def run(t):
    route = lambda left, kind=0: b'\2' + bytes([kind, left]) + b'\0' * 4 + ip6('fd02::77')
    names = {
        'hop-by-hop': [(HOP, b'\0' + PAD)], 'destination': [(DST, b'\0' + PAD)],
        'both': [(HOP, b'\0' + PAD), (DST, b'\0' + PAD)],
        'two destination': [(DST, b'\0' + PAD), (DST, b'\1' + PAD + b'\1\6' + b'\0' * 6)],
        'routing 0, none left': [(ROUTE, route(0))], 'routing 0, one left': [(ROUTE, route(1))],
        'routing 2, one left': [(ROUTE, route(1, 2))], 'routing 253': [(ROUTE, route(0, 253))],
        'router alert': [(HOP, b'\0\5\2\0\0\1\0')],
        'unknown option, skip': [(DST, b'\0\x1e\4\0\0\0\0')],
        'unknown option, drop': [(DST, b'\0\x5e\4\0\0\0\0')],
        'unknown hop option, drop': [(HOP, b'\0\x5e\4\0\0\0\0')],
        'unknown hop option, tell': [(HOP, b'\0\x9e\4\0\0\0\0')],
        'hop-by-hop second': [(DST, b'\0' + PAD), (HOP, b'\0' + PAD)],
        'mobility': [(MOBILE, b'\0\0\0\0\0\0\0')],
        'authentication': [(AH, b'\4\0\0' + b'\0' * 20)],
        'too long': [(DST, b'\x40' + PAD)],
    }
    flow = opened(t, C6, 900, V6)
    for n, (name, headers) in enumerate(names.items()):
        l4 = tcp(C6, V6, 1000 + n, 80, 'S', 101)
        t.c(chain(C6, V6, l4, *headers), name)
        back = tcp(flow.dest, C6, flow.dport, 900, 'A', 201, 102)
        t.r(chain(flow.dest, C6, back, *headers), name + ', reply')
        if n in (0, 1, 4):
            t.c(chain(C6, V6, tcp(C6, V6, 1000 + n, 81, 'S', 101), *headers), name + ', DR')
            t.c(chain(C6, V6, tcp(C6, V6, 1000 + n, 82, 'S', 101), *headers), name + ', tunnel')
            t.c(chain(C6, V6, udp(C6, V6, 1000 + n, 53, b'q'), *headers, last=17), name + ', UDP')
    t.c(ip(C6, V6, NONE, b'nothing'), 'no next header')
    conns(t)
