"""fo and ovf: TCP and UDP, edits under traffic, weight 0, dests that come and go."""
from steps import *

PORT = 1024


def some(t, vport, count, udp_too=True):
    """New connections from ports that were never used."""
    global PORT
    for _ in range(count):
        t.syn(C4, PORT, V4, vport)
        PORT += 1
    for _ in range(count if udp_too else 0):
        t.c(dgram(C4, V4, PORT, vport), 'datagram')
        PORT += 1


def both(t, vport, words):
    """ipvsadm's words for the TCP service and for the UDP service, in which {m} is the method."""
    t.admin('; '.join('ipvsadm ' + words.format(s='-%s 10.0.1.100:%d' % (p, vport), p=vport, m=m)
                      for p, m in (('t', '-m'), ('u', '-g'))))


def run(t):
    for vport, name in enumerate(['fo', 'ovf'], 80):
        some(t, vport, 9)
        for n in range(4):
            flow = Flow(t, C4, 50000 + vport * 50 + n, V4, vport)
            flow.c('S')
            if flow.side and n < 3:
                flow.r('SA')
                flow.c('A')
                flow.c('R')
        some(t, vport, 5)
        both(t, vport, '-e {s} -r 10.0.2.11:{p} {m} -w 4')
        some(t, vport, 6)
        both(t, vport, '-e {s} -r 10.0.2.12:{p} {m} -w 0')
        some(t, vport, 6)
        both(t, vport, '-a {s} -r 10.0.2.14:{p} {m} -w 2')
        some(t, vport, 7)
        both(t, vport, '-d {s} -r 10.0.2.13:{p}')
        some(t, vport, 6)
        both(t, vport, '-a {s} -r 10.0.2.13:{p} {m} -w 6')
        both(t, vport, '-e {s} -r 10.0.2.12:{p} {m} -w 1')
        some(t, vport, 6)
        both(t, vport, '-E {s} -s %s' % name)
        some(t, vport, 3)
        both(t, vport, '-E {s} -s %s' % ('rr' if name != 'rr' else 'wrr'))
        some(t, vport, 4)
        both(t, vport, '-E {s} -s %s' % name)
        some(t, vport, 4)
        for host in (11, 12, 13, 14):
            both(t, vport, '-e {s} -r 10.0.2.%d:{p} {m} -w 0' % host)
        some(t, vport, 2)
        tables(t)
    conns(t)
