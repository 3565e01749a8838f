"""ICMP errors that quote options, extension headers, fragments, AH and ESP, or have them."""
from steps import *

ESP = b'\0\0\1\0' + b'\0\0\0\1' + b'\xbb' * 24
DST = b'\0\1\4\0\0\0\0'


def under(packet, number, rest, last):
    """An IPv6 packet with an extension header in front of its transport's."""
    size = int.from_bytes(packet[4:6], 'big') + 1 + len(rest)
    return packet[:4] + size.to_bytes(2, 'big') + bytes([number]) + packet[7:40] + \
        bytes([last]) + rest + packet[40:]


def run(t):
    client, vip = C4, V4
    flow = opened(t, client, 1000, vip)
    direct = Flow(t, client, 1000, vip, 81)
    direct.c('S')
    for opts in (b'\1\1\1\1', RR(3), RR(9)):
        t.c(error(client, vip, 3, 1, seg(vip, client, 80, 1000, 'A', ipopts=opts)), 'options')
        t.r(error(flow.dest, client, 3, 1, seg(client, flow.dest, 1000, 8080, 'A', ipopts=opts)),
            'options')
        t.c(error(client, vip, 3, 1, seg(vip, client, 80, 1000, 'A'), ipopts=opts), 'has options')
        t.r(error(flow.dest, client, 3, 1, seg(client, flow.dest, 1000, 8080, 'A'), ipopts=opts),
            'has options')
        t.c(error(client, vip, 3, 1, seg(vip, client, 81, 1000, 'A'), ipopts=opts), 'DR, has them')
    whole = seg(vip, client, 80, 1000, 'A', ipopts=RR(3))
    for size in (20, 24, 35, 36, 38, 40):
        t.c(error(client, vip, 3, 1, whole[:size]), 'options, quoting %d' % size)
    for off, more in ((0, True), (8, False), (1480, True)):
        t.c(error(client, vip, 3, 1, packet(vip, client, 6, whole[36:], off=off, mf=more)),
            'a fragment')
        t.r(error(flow.dest, client, 3, 1, packet(client, flow.dest, 6, flow.sent[20:], off=off,
                                                  mf=more)), 'a fragment')
    for first in (0x35, 0x55, 0x44, 0x4f):
        t.c(error(client, vip, 3, 1, bytes([first]) + whole[1:20] + whole[36:]), '%x' % first)
    for proto in (1, 47, 132, 253):
        t.c(error(client, vip, 3, 1, packet(vip, client, proto, whole[36:])), 'protocol')
        t.r(error(flow.dest, client, 3, 1, packet(client, flow.dest, proto, flow.sent[20:])), '')
    six = opened(t, C6, 1000, V6)
    reply, request = seg(V6, C6, 80, 1000, 'A'), seg(C6, six.dest, 1000, 8080, 'A')
    headers = ((60, DST), (0, DST), (43, b'\0\0\1\0\0\0\0'), (51, b'\0' * 7), (44, b'\0' * 7),
               (44, b'\0\0\1\0\0\0\0'), (44, b'\0\0\x08\0\0\0\0'), (135, b'\0' * 7))
    for number, rest in headers:
        name = 'header %d' % number
        t.c(error(C6, V6, 1, 4, under(reply, number, rest, 6)), name)
        t.r(error(six.dest, C6, 1, 4, under(request, number, rest, 6)), name)
        t.c(under(error(C6, V6, 1, 4, reply), number, rest, 58), name + ' outside')
        t.r(under(error(six.dest, C6, 1, 4, request), number, rest, 58), name + ' outside')
    for size in (40, 44, 47, 48, 50, 52):
        t.c(error(C6, V6, 1, 4, under(reply, 60, DST, 6)[:size]), 'quoting %d' % size)
    for client, vip in FAMILIES:
        ike = Flow(t, client, 500, vip, 500, 17)
        ike.c()
        kind = 1 if is6(client) else 3
        t.c(error(client, vip, kind, 1, packet(vip, client, 50, ESP)), 'ESP')
        t.r(error(ike.dest, client, kind, 1, packet(client, ike.dest, 50, ESP)), 'ESP')
        t.c(error(client, vip, kind, 1, packet(vip, client, 50, ESP[:3])), 'ESP, three bytes')
        t.c(error(client, vip, kind, 1, packet(vip, client, 51, b'\x04\4\0\0' + ESP)), 'AH')
    conns(t)
    t.snap('ipvsadm -Ln --stats --exact')
