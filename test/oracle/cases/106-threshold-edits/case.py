"""Thresholds edited while their dest is full: what frees it at once and what does not."""
from steps import *

PORT = 1024


def some(t, count):
    global PORT
    for _ in range(count):
        t.syn(C4, PORT, V4)
        t.c(dgram(C4, V4, PORT, 81), 'datagram')
        PORT += 1


def limit(t, words):
    t.admin('; '.join('ipvsadm -e -%s 10.0.1.100:%d -r 10.0.2.11:%d %s %s' % (p, n, n, m, words)
                      for p, n, m in (('t', 80, '-m'), ('u', 81, '-g'))))


def run(t):
    some(t, 2)
    limit(t, '-w 1 -x 4')
    some(t, 4)
    for words in ('-w 2 -x 4', '-w 1 -x 5', '-w 1 -x 5 -y 4', '-w 1 -x 6 -y 6', '-w 1 -x 6 -y 1',
                  '-w 1 -x 4', '-w 1 -x 6', '-w 1 -x 8 -y 3', '-w 1 -x 7', '-w 1 -x 2', '-w 1 -x 3',
                  '-w 1 -x 20 -y 1', '-w 1 -x 19', '-w 1 -x 30', '-w 1 -x 2', '-w 1', '-w 1 -x 2'):
        limit(t, words)
        some(t, 2)
    t.snap('ipvsadm -Ln --thresholds')
    t.admin('ipvsadm -d -t 10.0.1.100:80 -r 10.0.2.11:80; '
            'ipvsadm -a -t 10.0.1.100:80 -r 10.0.2.11:80 -m -w 1 -x 2')
    some(t, 2)
    t.admin('ipvsadm -d -t 10.0.1.100:80 -r 10.0.2.11:80; '
            'ipvsadm -a -t 10.0.1.100:80 -r 10.0.2.11:80 -m -w 1 -x 60')
    some(t, 2)
    t.sleep(70)
    some(t, 3)
    tables(t)
