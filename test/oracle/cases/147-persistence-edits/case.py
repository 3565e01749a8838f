"""Persistence added to services, changed, and taken away from them."""
from steps import *

SERVICES = '-t 10.0.1.100:80', '-u [fd01::100]:53'


class Edits:
    def __init__(s, t):
        s.t, s.port = t, 1000

    def edit(s, options):
        for service in SERVICES:
            s.t.admin('ipvsadm -E %s %s' % (service, options))
        for _ in range(3):
            s.port += 1
            for n in (0, 1):
                Flow(s.t, '10.0.1.1%d' % n, s.port, V4).c('S', note=options)
                Flow(s.t, 'fd01::1%d' % n, s.port, V6, 53, 17).c(note=options)
        conns(s.t)
        s.t.snap('ipvsadm -Ln --persistent-conn')


def run(t):
    edits = Edits(t)
    for options in ('-s rr', '-s rr -p 30', '-s rr -p 90', '-s rr', '-s rr -p 60', '-s wlc -p 60'):
        edits.edit(options)
        t.sleep(4)
    for service in SERVICES:
        t.admin('ipvsadm -E %s -s rr -p 60' % service)
    t.admin('ipvsadm -E -u [fd01::100]:53 -s rr -p 60 -o')
    for n in range(3):
        for client in ('fd01::10', 'fd01::12'):
            t.c(dgram(client, V6, 2000, 53), 'one packet')
        conns(t)
        t.sleep(5)
    t.r(dgram('fd02::11', 'fd01::12', 53, 2000, b'answer'), 'a reply')
    t.r(dgram('fd02::12', 'fd01::12', 53, 2000, b'answer'), 'a reply')
    t.snap('ipvsadm -Ln --persistent-conn')
    t.admin('ipvsadm -C')
    conns(t)
    t.sleep(50)
    conns(t)
