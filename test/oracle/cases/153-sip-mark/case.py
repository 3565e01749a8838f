"""The engine sip of services by mark, and of one that is not persistent."""
from steps import *


def say(call):
    return b'BYE sip:bob SIP/2.0\r\ni:%s\r\n\r\n' % call.encode()


def listings(t):
    t.snap('ipvsadm -Lnc --persistent-conn')
    t.snap('ipvsadm -Ln --persistent-conn')


def marks(t):
    port = 1000
    for client, vip in FAMILIES:
        to = [vip, vip, 'fd01::100'] if is6(vip) else [vip, '10.0.9.1', '10.0.9.2']
        for call in 'abacbc':
            port += 1
            t.c(dgram(client, to[port % 3], port, 5060 + port % 2, say(call)), call)
        t.c(dgram(client, to[1], port + 1, 5060, b'no call'), 'no call')
        t.c(seg(client, to[1], port + 1, 5060, 'S', say('a')), 'TCP')
        listings(t)
        for n in (11, 12):
            server = 'fd02::%d' % n if is6(vip) else '10.0.2.%d' % n
            t.r(dgram(server, client, 5060, 1001, say('a')), 'a server')
            t.r(dgram(server, client, 5060, 7000, say('a')), 'a server, first')
        listings(t)


def alone(t):
    service = '-u 10.0.1.100:5090'
    t.admin('ipvsadm -A %s -s rr --pe sip' % service)
    for n in (11, 12):
        t.admin('ipvsadm -a %s -r 10.0.2.%d:5090 -m' % (service, n))
    tables(t)
    t.c(dgram(C4, V4, 8000, 5090, b'no call'), 'not persistent')
    t.c(dgram(C4, V4, 8001, 5090, say('x')), 'not persistent')
    for call in ('', 'x', 'y'):
        t.r(dgram('10.0.2.11', C4, 5090, 8002, say(call) if call else b'none'), 'first, not persistent')
        t.r(dgram('10.0.2.12', C4, 5090, 8003, say(call) if call else b'none'), 'first, not persistent')
    t.c(dgram(C4, V4, 8003, 5090, b'answer'), 'not persistent')
    listings(t)
    t.admin('ipvsadm -E %s -s rr -p 50' % service)
    t.r(dgram('10.0.2.11', C4, 5090, 8004, say('z')), 'persistent, no engine')
    t.c(dgram(C4, V4, 8005, 5090, b'no call'), 'persistent, no engine')
    t.admin('ipvsadm -E %s -s rr -p 50 -o --pe sip' % service)
    t.r(dgram('10.0.2.11', C4, 5090, 8006, say('z')), 'all of it')
    t.c(dgram(C4, V4, 8007, 5090, say('z')), 'all of it')
    t.admin('ipvsadm -E %s -s rr -o --pe sip' % service)
    t.r(dgram('10.0.2.11', C4, 5090, 8008, b'none'), 'one packet, not persistent')
    t.c(dgram(C4, V4, 8009, 5090, b'none'), 'one packet, not persistent')
    listings(t)


def run(t):
    marks(t)
    alone(t)
