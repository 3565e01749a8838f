"""ICMP errors about tunnel packets: relayed to the client, and the path MTU they teach."""
from steps import *

ROUTER, OWN = '10.0.2.254', '10.0.2.1'


def tell(t, kind, code, about, rest=b'\0\0\0\0', note='', **o):
    t.r(error(ROUTER, OWN, kind, code, about, rest, **o), note)


def big(t, n, note):
    for size in (1480, 1420, 1380, 1320):
        t.c(seg(C4, V4, n, 80, 'A', b'D' * (size - 40)), '%s, %d bytes' % (note, size))


def run(t):
    flow = Flow(t, C4, 1000, V4)
    flow.c('S')
    flow.c('A', b'data' * 50)
    outer = l3(t.c(seg(C4, V4, 1000, 80, 'A', b'data' * 50, ttl=33, tos=0x28))[0])
    query = l3(t.c(dgram(C4, V4, 1001, 53, b'q' * 40, df=False))[0])
    for kind, code in ((3, 0), (3, 1), (3, 3), (3, 13), (4, 0), (11, 0), (11, 1), (5, 0), (12, 0)):
        tell(t, kind, code, outer, mtu(77), '%d/%d' % (kind, code))
    tell(t, 3, 1, query, note='without DF')
    for size in (19, 20, 39, 40, 43, 44, 47, 48, 68, 100):
        tell(t, 3, 1, outer[:size], note='quoting %d' % size)
    tell(t, 3, 1, outer, bad=True, note='wrong sum')
    tell(t, 3, 1, outer, ttl=1, note='TTL 1')
    t.r(error(ROUTER, '10.0.1.1', 3, 1, outer), 'to another address of the director')
    t.r(error(ROUTER, V4, 3, 1, outer), 'to the VIP')
    t.r(error(ROUTER, '10.0.1.50', 3, 1, outer), 'to somebody else')
    t.c(error('10.0.1.77', '10.0.1.1', 3, 1, outer), 'from the client side')
    tell(t, 3, 1, packet(OWN, '10.0.3.99', 4, outer[20:]), note='another dest')
    tell(t, 3, 1, packet('10.0.9.9', '10.0.3.12', 4, outer[20:]), note='another source')
    tell(t, 3, 1, packet(OWN, '10.0.3.12', 4, outer[20:], off=8), note='a later fragment')
    tell(t, 3, 1, packet(OWN, '10.0.3.12', 4, outer[20:], mf=True, df=False), note='a fragment')
    tell(t, 3, 1, packet(OWN, '10.0.3.12', 4, outer[20:], ipopts=b'\1\1\1\1'), note='options')
    tell(t, 3, 1, packet(OWN, '10.0.3.12', 4, seg(C4, V4, 1000, 80, 'A', ipopts=RR(2))),
         note='options within')
    tell(t, 3, 1, packet(OWN, '10.0.3.12', 4, seg(C4, V4, 1099, 80, 'A')), note='no connection')
    tell(t, 3, 1, packet(OWN, '10.0.3.12', 4, seg(V4, C4, 80, 1000, 'A')), note='backwards')
    tell(t, 3, 1, packet(OWN, '10.0.3.12', 4, packet(C4, V4, 47, b'gre gre gre')), note='GRE')
    tell(t, 3, 1, packet(OWN, '10.0.3.12', 4, dgram(C4, V4, 1001, 53, b'q' * 40)), note='other dest')
    tell(t, 3, 1, packet(OWN, '10.0.3.12', 4, seg(C4, V4, 1000, 80, 'A', b'D' * 1000)), note='long')
    conns(t)
    big(t, 1000, 'before')
    tell(t, 3, 4, query, mtu(1400), 'too big without DF')
    tell(t, 3, 4, outer, mtu(1400), 'too big')
    big(t, 1000, 'after 1400')
    tell(t, 3, 4, outer, mtu(1400), 'too big again')
    big(t, 1000, 'after 1400 again')
    tell(t, 3, 4, outer, mtu(1450), 'larger')
    tell(t, 3, 4, outer, mtu(1350), 'smaller')
    big(t, 1000, 'after 1350')
    tell(t, 3, 4, outer, mtu(1350), 'smaller again')
    tell(t, 3, 4, outer, mtu(300), 'below the least')
    big(t, 1000, 'after 300')
    tell(t, 3, 4, outer, mtu(300), 'below the least again')
    tell(t, 3, 4, outer, mtu(0), 'none')
    tell(t, 3, 4, outer, mtu(68), '68')
    t.sleep(300)
    flow = Flow(t, C4, 1005, V4)
    flow.c('S')
    big(t, 1005, 'later')
    t.sleep(400)
    flow = Flow(t, C4, 1006, V4)
    flow.c('S')
    big(t, 1006, 'much later')
    t.admin('ipvsadm -d -t 10.0.1.100:80 -r 10.0.3.12:80')
    tell(t, 3, 1, packet(OWN, '10.0.3.12', 4, seg(C4, V4, 1006, 80, 'A')), note='dest removed')
    six = Flow(t, C4, 1000, V4, 81)
    outer6 = l3(six.c('S')[0])
    t.r(error('fd02::fe', 'fd02::1', 1, 0, outer6), 'IPv6 outside')
    t.r(error('fd02::fe', 'fd02::1', 2, 0, outer6, mtu(1300)), 'IPv6 outside, too big')
    outer66 = l3(Flow(t, C6, 1000, V6).c('S')[0])
    t.r(error('fd02::fe', 'fd02::1', 1, 0, outer66), 'IPv6 twice')
    t.r(error('fd02::fe', 'fd02::1', 2, 0, outer66, mtu(1300)), 'IPv6 twice, too big')
    t.c(seg(C6, V6, 1000, 80, 'A', b'D' * 1300), 'IPv6 twice, 1360 bytes')
    outer64 = l3(Flow(t, C6, 1000, V6, 81).c('S')[0])
    tell(t, 3, 1, outer64, note='IPv6 inside')
    tell(t, 3, 4, outer64, mtu(1400), note='IPv6 inside, too big')
    t.c(seg(C6, V6, 1000, 81, 'A', b'D' * 1340), 'IPv6 inside, 1400 bytes')
    conns(t)
    t.snap('ipvsadm -Ln --stats --exact')
