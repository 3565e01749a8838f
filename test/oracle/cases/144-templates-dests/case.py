"""Templates whose dest is quiesced, full, removed or back, with expire_quiescent_template off, on."""
from steps import *


class Clients:
    def __init__(s, t):
        s.t, s.port = t, 1000

    def go(s, note, ports=((80, 6), (53, 17))):
        s.port += 1
        for client, vip in FAMILIES:
            for port, proto in ports:
                if proto == 6 or vip == V4:
                    for n in (0, 1):
                        address = client[:-2] + '1%d' % n
                        Flow(s.t, address, s.port, vip, port, proto).c('S', note=note)
        conns(s.t)


def dests(t, command, option=''):
    for service, one in (('-t 10.0.1.100:80', '10.0.2.11:8080 -m'),
                         ('-t [fd01::100]:80', '[fd02::11]:8080 -m'),
                         ('-u 10.0.1.100:53', '10.0.2.11:53 -g')):
        if command == '-d':
            one = one[:-3]
        t.admin('ipvsadm %s %s -r %s%s' % (command, service, one, option))


def run(t):
    c = Clients(t)
    c.go('first')
    t.snap('ipvsadm -Ln --persistent-conn')
    dests(t, '-e', ' -w 0')
    c.go('quiesced')
    t.admin('sysctl -w net.ipv4.vs.expire_quiescent_template=1')
    c.go('quiesced, templates expire')
    c.go('again')
    dests(t, '-e', ' -w 1')
    c.go('in use again')
    t.snap('ipvsadm -Ln --persistent-conn')
    t.admin('sysctl -w net.ipv4.vs.expire_quiescent_template=0')
    dests(t, '-d')
    c.go('removed')
    tables(t)
    dests(t, '-a', ' -w 1')
    c.go('back')
    t.snap('ipvsadm -Ln --persistent-conn')
    dests(t, '-e', ' -w 1 -x 1 -y 0')
    c.go('full')
    dests(t, '-e', ' -w 1')
    t.admin('ipvsadm -D -t 10.0.1.100:80')
    c.go('no service')
    t.admin('ipvsadm -A -t 10.0.1.100:80 -s rr -p 100')
    t.admin('ipvsadm -a -t 10.0.1.100:80 -r 10.0.2.11:8080 -m -w 1')
    c.go('a service again')
    t.snap('ipvsadm -Ln --persistent-conn')
    dests(t, '-d')
    t.admin('ipvsadm -d -t [fd01::100]:80 -r [fd02::12]:8080')
    t.admin('ipvsadm -d -u 10.0.1.100:53 -r 10.0.2.12:53')
    c.go('no dest')
    t.snap('ipvsadm -Ln --persistent-conn')
    t.sleep(70)
    conns(t)
    t.sleep(500)
    conns(t)
    t.snap('ipvsadm -Ln --persistent-conn')
