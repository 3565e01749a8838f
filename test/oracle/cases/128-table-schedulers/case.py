"""From one scheduler to another and back, with clients that come and connections that stay."""
from steps import *

TURNS = ('sh', 'mh', 'mh -b mh-port', 'dh', 'wrr', 'sh -b sh-fallback', 'sh -b flag-1,flag-2',
         'mh -b mh-fallback', 'dh -b flag-1', 'rr', 'mh')


def run(t):
    flows = [opened(t, client, 1000, V4) for client in clients(4)]
    for n, turn in enumerate(TURNS):
        for vport in (80, 81):
            t.admin('ipvsadm -E -t 10.0.1.100:%d -s %s' % (vport, turn))
        if n % 3 == 1:
            t.admin('ipvsadm -e -t 10.0.1.100:81 -r 10.0.2.12:81 -m -w %d' % (n % 2 * 3))
        tables(t)
        firsts(t, 6, cport=40000 + n)
        firsts(t, 6, vport=81, cport=40000 + n)
        flows[n % 4].c('A')
        flows[n % 4].r('A')
    t.snap('ipvsadm -Sn')
