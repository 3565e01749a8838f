"""A random life of calls: clients ask, servers answer and begin, weights and dests change."""
import random
from steps import *

PORTS = {5060: (5060, 5062, 5060), 5070: (5070, 5070, 5071), 5080: (5080, 5080)}


def message(rnd):
    if rnd.random() < .1:
        return b'no call'
    call = rnd.choice(('a', 'b', 'c', 'd@x', 'd@y', 'e' * 40)).encode()
    header = rnd.choice((b'Call-ID: ', b'call-id:', b'i:\t', b'I :\r\n '))
    return b'X sip:y SIP/2.0\r\n' + header + call + b'\r\n\r\n'


class Life:
    def __init__(s, t, seed):
        s.t, s.rnd = t, random.Random(seed)

    def place(s):
        v6 = s.rnd.random() < .3
        vport = 5060 if v6 else s.rnd.choice((5060, 5060, 5070, 5080))
        return v6, vport, s.rnd.randrange(2 if v6 else len(PORTS[vport]))

    def client(s, v6):
        last = s.rnd.choice((10, 11, 12))
        return 'fd01::%d' % last if v6 else '10.0.1.%d' % last

    def ask(s):
        v6, vport, _ = s.place()
        cport = s.rnd.choice((5060, 5061, 5062))
        s.t.c(dgram(s.client(v6), V6 if v6 else V4, cport, vport, message(s.rnd)))

    def tell(s):
        v6, vport, n = s.place()
        server = 'fd02::%d' % (11 + n) if v6 else '10.0.2.%d' % (11 + n)
        cport = s.rnd.choice((5060, 5061, 5062))
        s.t.r(dgram(server, s.client(v6), PORTS[vport][n], cport, message(s.rnd)))

    def weigh(s):
        v6, vport, n = s.place()
        dest = '[fd02::%d]:%d' if v6 else '10.0.2.%d:%d'
        fwd = '-m' if vport != 5070 else ('-g', '-i', '-m')[n]
        service = '[fd01::100]' if v6 else V4
        s.t.admin('ipvsadm -e -u %s:%d -r %s %s -w %d' % (
            service, vport, dest % (11 + n, PORTS[vport][n]), fwd, s.rnd.choice((0, 1, 2))))

    def leave(s):
        n = s.rnd.randrange(3)
        dest = '-u %s:5060 -r 10.0.2.%d:%d' % (V4, 11 + n, PORTS[5060][n])
        s.t.admin('ipvsadm -d %s' % dest)
        for _ in range(3):
            s.step(s.ask, s.tell)
        s.t.admin('ipvsadm -a %s -m -w 1' % dest)

    def step(s, *kinds):
        s.rnd.choice(kinds)()


def run(t):
    life = Life(t, 5060)
    for turn in range(6):
        for _ in range(28):
            life.step(*[life.ask] * 6, *[life.tell] * 6, life.weigh)
        life.leave()
        t.snap('ipvsadm -Ln')
        if turn < 5:
            t.snap('ipvsadm -Lnc --persistent-conn')
        t.sleep(life.rnd.choice((5, 12, 25)))
    t.sleep(420)
    t.snap('ipvsadm -Ln')
    for _ in range(30):
        life.step(life.ask, life.tell)
    t.snap('ipvsadm -Ln --persistent-conn')
