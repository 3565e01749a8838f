"""Short words for the cases in cases/: one packet a line, in either family. record.sh puts this
file beside the oracle's pkt.py in the guest. The first address of a pair is the client's."""
from pkt import *

V4, V6 = '10.0.1.100', 'fd01::100'
C4, C6 = '10.0.1.10', 'fd01::10'
FAMILIES = ((C4, V4), (C6, V6))

ALERT = b'\x94\x04\0\0'


def RR(slots, pointer=4):
    """IPv4's record route, padded."""
    return bytes([7, 3 + 4 * slots, pointer]) + b'\0' * 4 * slots + b'\0'


def TS(words, flag, pointer=5, addr=b''):
    """IPv4's timestamps; the cases have none that is written: a time of day is never the same."""
    return bytes([68, 4 + 4 * words, pointer, flag]) + addr + b'\0' * (4 * words - len(addr))


def seg(src, dst, sport, dport, flags, data=b'', seq=101, ack=201, opts=b'', bad=False, **header):
    """A TCP packet; `header` is ip()'s ttl, tos, df, opts of IP as ipopts."""
    l4 = tcp(src, dst, sport, dport, flags, seq, ack if 'A' in flags else 0, data, opts, bad=bad)
    return packet(src, dst, 6, l4, **header)


def dgram(src, dst, sport, dport, data=b'question', zero=False, bad=False, **header):
    return packet(src, dst, 17, udp(src, dst, sport, dport, data, zero, bad), **header)


def packet(src, dst, proto, l4, ipopts=b'', **header):
    return ip(src, dst, proto, l4, opts=ipopts, **header)


def error(src, dst, kind, code, quoted, rest=b'\0\0\0\0', bad=False, **header):
    """An ICMP error of the packet's family about `quoted`, a packet."""
    if is6(src):
        l4, proto = icmp6(src, dst, kind, code, rest, quoted), 58
    else:
        l4, proto = icmp(kind, code, rest, quoted), 1
    if bad:
        l4 = l4[:2] + bytes([l4[2] ^ 0x55, l4[3] ^ 0x55]) + l4[4:]
    return packet(src, dst, proto, l4, **header)


def mtu(n):
    """The rest field of a 3/4; all four bytes are the MTU in ICMPv6."""
    return n.to_bytes(4, 'big')


def l3(out):
    """The packet of a frame that came out."""
    return out.frame[14:]


class Flow:
    """A connection from a client; replies come from the dest that its first packet went to."""

    def __init__(s, t, client, cport, vip, vport=80, proto=6):
        s.t, s.client, s.cport, s.vip, s.vport, s.proto = t, client, cport, vip, vport, proto
        s.dest = s.dport = s.side = None
        s.sent = b''

    def c(s, flags='', data=b'', note='', **o):
        """A packet from the client; flags only for TCP."""
        make = (lambda *a: seg(*a, flags, data, **o)) if s.proto == 6 else \
            (lambda *a: dgram(*a, data or b'question', **o))
        out = s.t.c(make(s.client, s.vip, s.cport, s.vport), note or 'client %s' % flags)
        if out and s.dest is None and out[0].side != 'c':
            p = out[0].p
            s.side, s.sent = out[0].side, l3(out[0])
            s.dest, s.dport = p['dst'], p.get('dport', s.vport)
        return out

    def reply(s, flags='', data=b'', **o):
        """The packet that the dest would send, not sent."""
        if s.proto == 6:
            return seg(s.dest, s.client, s.dport, s.cport, flags, data, 201, 102, **o)
        return dgram(s.dest, s.client, s.dport, s.cport, data or b'answer', **o)

    def r(s, flags='', data=b'', note='', **o):
        """A packet from the dest, through the director."""
        packet = s.reply(flags, data, **o)
        return s.t.frame(s.side, s.t.eth(s.side, packet), note or 'dest %s' % flags)

    def established(s):
        s.c('S')
        s.r('SA')
        s.c('A')
        return s


def opened(t, client, cport, vip, vport=80):
    return Flow(t, client, cport, vip, vport).established()


def conns(t):
    t.snap('ipvsadm -Lnc')


def tables(t):
    t.snap('ipvsadm -Ln')


def clients(count, first=0, v6=False):
    """Addresses far apart, the same each time: Weyl's sequence."""
    for n in range(first, first + count):
        x = (n + 1) * 2654435761 & 0xffffffff
        y = x * 2246822519 & 0xffffffff
        yield ('2001:db8:%x:%x::%x' % (x >> 16, y & 0xffff, x & 0xffff) if v6 else
               '172.%d.%d.%d' % (16 + (x >> 16) % 16, x >> 8 & 255, 1 + (y >> 24) % 250))


def firsts(t, count, vip=V4, vport=80, proto=6, cport=40000, first=0):
    """The first packet of so many clients, all from one port."""
    for client in clients(count, first, is6(vip)):
        Flow(t, client, cport, vip, vport, proto).c('S' if proto == 6 else '')


def ports(t, count, vip=V4, vport=80, proto=6, cport=20000, client=None):
    """The first packets of one client, from ports in turn."""
    client = client or (C6 if is6(vip) else C4)
    for n in range(count):
        Flow(t, client, cport + 37 * n, vip, vport, proto).c('S' if proto == 6 else '')


def edited(t, names, client=C4, vip=V4):
    """Services from port 80 on, by those schedulers, each of TCP by nat and of UDP by dr: edits
    under traffic, weight 0, dests that come and go. New connections are from ports never used."""
    dest = ('[fd02::%d]' if is6(vip) else '10.0.2.%d') + ':{p}'
    at = '[%s]' % vip if is6(vip) else vip
    port = iter(range(1024, 50000))

    def some(vport, count):
        for _ in range(count):
            t.syn(client, next(port), vip, vport)
        for _ in range(count):
            t.c(dgram(client, vip, next(port), vport), 'datagram')

    def both(vport, words, host=0, more=''):
        if host:
            words += ' -r ' + dest % host + more
        t.admin('; '.join('ipvsadm ' + words.format(s='-%s %s:%d' % (p, at, vport), p=vport, m=m)
                          for p, m in (('t', '-m'), ('u', '-g'))))

    for vport, name in enumerate(names, 80):
        some(vport, 9)
        ended = [opened(t, client, 50000 + vport * 50 + n, vip, vport) for n in range(4)]
        for flow in ended[:3]:
            flow.c('R')
        some(vport, 5)
        both(vport, '-e {s}', 11, ' {m} -w 4')
        some(vport, 6)
        both(vport, '-e {s}', 12, ' {m} -w 0')
        some(vport, 6)
        both(vport, '-a {s}', 14, ' {m} -w 2')
        some(vport, 7)
        both(vport, '-d {s}', 13)
        some(vport, 6)
        both(vport, '-a {s}', 13, ' {m} -w 6')
        both(vport, '-e {s}', 12, ' {m} -w 1')
        some(vport, 6)
        both(vport, '-E {s} -s %s' % name)
        some(vport, 3)
        both(vport, '-E {s} -s %s' % ('rr' if name != 'rr' else 'wrr'))
        some(vport, 4)
        both(vport, '-E {s} -s %s' % name)
        some(vport, 4)
        for host in (11, 12, 13, 14):
            both(vport, '-e {s}', host, ' {m} -w 0')
        some(vport, 2)
        tables(t)
    conns(t)
