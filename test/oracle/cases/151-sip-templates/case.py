"""Templates by Call-ID: who stays together, for how long, and what edits make of it."""
from steps import *


def say(call):
    return b'INVITE sip:bob SIP/2.0\r\nCall-ID: %s\r\n\r\n' % call.encode()


def listings(t):
    t.snap('ipvsadm -Lnc --persistent-conn')
    t.snap('ipvsadm -Ln --persistent-conn')
    tables(t)


class Caller:
    def __init__(s, t):
        s.t, s.port = t, 1000

    def call(s, client, vip, call, vport=5060, note=''):
        s.port += 1
        s.t.c(dgram(client, vip, s.port, vport, say(call)), note or call)


def together(t, who):
    for client, vip in FAMILIES:
        other = 'fd01::11' if is6(vip) else '10.0.1.11'
        for call in 'abcabcab':
            who.call(client, vip, call + '@x')
        for call in 'abab':
            who.call(other, vip, call + '@x', note='another client')
        for call in 'pqpqr':
            who.call(client, vip, call, 5070)
            who.call(other, vip, call, 5070, 'of the same network')
        listings(t)


def others(t, who):
    for call in 'mnm':
        who.call(C4, V4, call, 5080, 'one packet')
    t.sleep(30)
    who.call(C4, V4, 'm', 5080, 'one packet, later')
    t.c(dgram(C4, V4, 4000, 5080, b'no call'), 'one packet, no call')
    listings(t)
    t.c(seg(C4, V4, 4000, 5060, 'S'), 'TCP')
    t.c(seg(C4, V4, 4001, 5060, 'S', say('tcp')), 'TCP with a message')
    for call, vport in (('s', 7000), ('u', 7000), ('s', 7001), ('v', 7001), ('s', 7002)):
        who.call(C4, '10.0.1.101', call, vport, 'any port')
    t.c(dgram(C4, '10.0.1.101', 4002, 7000, b'no call'), 'any port, no call')
    listings(t)


def edits(t, who):
    for client, vip in FAMILIES:
        service, first = ('[fd01::100]', '[fd02::11]') if is6(vip) else (V4, '10.0.2.11')
        t.admin('ipvsadm -e -u %s:5060 -r %s:5060 -m -w 0' % (service, first))
        for call in 'abcd':
            who.call(client, vip, call + '@x', note='a dest of weight 0')
        t.admin('ipvsadm -d -u %s:5060 -r %s:5060' % (service, first))
        for call in 'abcd':
            who.call(client, vip, call + '@x', note='a dest removed')
        listings(t)
        t.admin('ipvsadm -a -u %s:5060 -r %s:5060 -m' % (service, first))
        t.admin('ipvsadm -E -u %s:5060 -s rr -p 30' % service)
        for call in 'abe':
            who.call(client, vip, call + '@x', note='no engine')
        t.c(dgram(client, vip, 5000, 5060, b'no call'), 'no engine, no call')
        listings(t)
        t.admin('ipvsadm -E -u %s:5060 -s rr -p 90 --pe sip' % service)
        for call in 'abe':
            who.call(client, vip, call + '@x', note='the engine again')
        listings(t)
    t.admin('sysctl -w net.ipv4.vs.expire_quiescent_template=1')
    t.admin('ipvsadm -e -u 10.0.1.100:5060 -r 10.0.2.12:5062 -m -w 0')
    for call in 'abe':
        who.call(C4, V4, call + '@x', note='expire_quiescent_template')
    listings(t)


def run(t):
    who = Caller(t)
    together(t, who)
    others(t, who)
    edits(t, who)
    t.c(error(C4, V4, 3, 3, dgram(V4, C4, 5060, 6000, say('icmp'))), 'ICMP')
    t.admin('sysctl -w net.ipv4.vs.schedule_icmp=1')
    t.c(error(C4, V4, 3, 3, dgram(V4, C4, 5060, 6000, say('icmp'))), 'schedule_icmp')
    t.sleep(100)
    who.call(C4, V4, 'a@x', note='later')
    t.snap('ipvsadm -Ln --persistent-conn')
    t.sleep(400)
    listings(t)
    who.call(C4, V4, 'a@x', note='anew')
    t.admin('ipvsadm -D -u 10.0.1.100:5060')
    who.call(C4, V4, 'a@x', note='no service')
    listings(t)
    t.sleep(500)
    listings(t)
