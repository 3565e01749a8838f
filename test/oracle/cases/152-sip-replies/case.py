"""What servers of the sip engine send first: connections that begin there, and their templates."""
from steps import *


def say(call):
    return b'OPTIONS sip:bob SIP/2.0\r\nCall-ID: %s\r\n\r\n' % call.encode()


def listings(t):
    t.snap('ipvsadm -Lnc --persistent-conn')
    t.snap('ipvsadm -Ln --persistent-conn')
    tables(t)


class Ends:
    """A family's client, service and two servers."""

    def __init__(s, t, v6):
        s.t, s.client, s.vip = t, C6 if v6 else C4, V6 if v6 else V4
        s.servers = ('fd02::11', 'fd02::12') if v6 else ('10.0.2.11', '10.0.2.12')
        s.other = 'fd01::20' if v6 else '10.0.1.20'
        s.name = '[fd01::100]' if v6 else V4

    def asks(s, cport, call, vport=5060, note='client asks', **o):
        s.t.c(dgram(s.client, s.vip, cport, vport, say(call) if call else b'none', **o), note)

    def tells(s, n, sport, cport, call, note='server tells', client=None, **o):
        data = say(call) if call else b'no call'
        s.t.r(dgram(s.servers[n], client or s.client, sport, cport, data, **o), note)


def first(e):
    e.tells(1, 5062, 6000, 'a@x')
    e.tells(1, 5062, 6000, 'a@x', 'again')
    e.tells(1, 5062, 6000, '', 'no call, within its connection')
    e.asks(6000, 'a@x', note='its client answers')
    e.asks(6001, 'a@x', note='its client from another port')
    e.tells(1, 5062, 6002, '', 'no call')
    e.tells(0, 5062, 6003, 'b@x', 'from a port that is no dest')
    e.tells(0, 5060, 6004, 'b@x', 'the other server', client=e.other)
    e.tells(0, 5060, 6005, 'b@x', 'without a checksum', zero=True)
    e.tells(0, 5060, 6006, 'b@x', 'wrong checksum', bad=True)
    e.tells(0, 5060, 6007, 'b@x', 'TTL 1', ttl=1)
    e.tells(0, 5060, 6008, 'c@x', 'TTL 2', ttl=2)
    listings(e.t)


def moved(e):
    e.asks(6100, 'm@x')
    e.asks(6101, 'n@x')
    for n, sport in ((0, 5060), (1, 5062)):
        e.tells(n, sport, 6102, 'm@x', 'one of them had that call')
        e.asks(6103 + n, 'm@x', note='who has it now')
    listings(e.t)


def same_port(e):
    """A client's connection, then another server begins one to the same port."""
    for call in ('p@x', 'q@x'):
        e.asks(6200, call)
    for n, sport in ((0, 5060), (1, 5062)):
        e.tells(n, sport, 6200, 'r%d@x' % n, 'one has a connection, the other begins one')
    e.asks(6200, '', note='to whom')
    for n, sport in ((0, 5060), (1, 5062)):
        e.tells(n, sport, 6200, '', 'both go on')
    e.asks(6200, '', note='to whom')
    listings(e.t)


def once(e):
    e.asks(6300, 'o@x', 5080, 'one packet')
    for n in (0, 1):
        e.tells(n, 5080, 6300, 'o@x', 'one packet, answer')
        e.tells(n, 5080, 6300, 's@x', 'one packet, another call')
        e.tells(n, 5080, 6300, '', 'one packet, no call')
        e.tells(n, 5080, 6301, 'o@x', 'one packet, no checksum', zero=True)
    e.asks(6300, 'o@x', 5080, 'one packet')
    listings(e.t)


def others(e):
    e.tells(0, 5070, 6400, 'd@x', 'dr')
    e.tells(1, 5070, 6400, 'd@x', 'tun')
    e.tells(0, 5090, 6400, 'd@x', 'no engine')
    e.tells(0, 5101, 6401, 'e@x', 'a network')
    e.tells(0, 5101, 6401, 'e@x', 'its other client', client='10.0.1.20')
    e.asks(6402, 'e@x', 5100, 'a network')
    e.tells(0, 6100, 6403, 'e@x', 'any port')
    e.tells(0, 5060, 0, 'f@x', 'to port 0')
    e.tells(0, 5060, 20, 'f@x', 'to port 20')
    e.t.r(dgram('10.0.2.11', '10.0.2.1', 5060, 6404, say('g@x')), 'to the director')
    e.t.r(seg('10.0.2.11', C4, 5060, 6405, 'S', say('g@x')), 'TCP')
    listings(e.t)
    e.t.admin('sysctl -w net.ipv4.vs.nat_icmp_send=1')
    e.tells(0, 5060, 6406, '', 'nat_icmp_send, no call')
    e.tells(0, 5060, 6406, 'h@x', 'nat_icmp_send')
    e.tells(0, 5090, 6406, 'h@x', 'nat_icmp_send, no engine')
    e.t.admin('sysctl -w net.ipv4.vs.nat_icmp_send=0')


def edits(e):
    service = '-u %s:5060' % e.name
    dest = '-r %s:5060' % ('[fd02::11]' if is6(e.vip) else '10.0.2.11')
    e.t.admin('ipvsadm -e %s %s -m -w 0' % (service, dest))
    e.tells(0, 5060, 6500, 't@x', 'weight 0')
    e.asks(6501, 't@x', note='weight 0')
    e.t.admin('ipvsadm -E %s -s rr -p 60' % service)
    e.tells(0, 5060, 6502, 'u@x', 'no engine')
    e.t.admin('ipvsadm -E %s -s rr -p 90 --pe sip' % service)
    e.tells(0, 5060, 6502, 'u@x', 'the engine again')
    e.t.admin('ipvsadm -d %s %s' % (service, dest))
    e.tells(0, 5060, 6502, 'u@x', 'dest removed, its connection')
    e.tells(0, 5060, 6503, 'u@x', 'dest removed')
    e.asks(6504, 'u@x', note='dest removed')
    e.t.admin('ipvsadm -a %s %s -g' % (service, dest))
    e.tells(0, 5060, 6505, 'v@x', 'dr now')
    e.t.admin('ipvsadm -e %s %s -m' % (service, dest))
    e.tells(0, 5060, 6505, 'v@x', 'nat again')
    listings(e.t)


def run(t):
    both = Ends(t, False), Ends(t, True)
    for part in (first, moved, same_port, once):
        for e in both:
            part(e)
    others(both[0])
    for e in both:
        edits(e)
    t.sleep(290)
    both[0].tells(0, 5060, 6505, 'v@x', 'still there')
    t.sleep(60)
    listings(t)
    t.sleep(500)
    listings(t)
    for e in both:
        e.tells(1, 5062, 6000, 'a@x', 'anew')
        e.t.admin('ipvsadm -D -u %s:5060' % e.name)
        e.tells(1, 5062, 6001, 'a@x', 'no service')
        e.tells(1, 5062, 6000, 'a@x', 'no service, a connection')
    listings(t)
