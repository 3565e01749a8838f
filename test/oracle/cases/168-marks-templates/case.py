"""Templates by mark: masks, dests quiesced, removed and back, edits, one packet, the service gone."""
from steps import *

PORT = iter(range(1000, 60000))
CLIENTS = {V4: ('10.0.1.10', '10.0.1.11', '10.0.1.17', '10.0.3.10'),
           V6: ('fd01::10', 'fd01::11', 'fd01::18', 'fd03::18')}


def go(t, note, ports=((80, 6), (81, 6), (53, 17))):
    for vip, clients in CLIENTS.items():
        for port, proto in ports:
            for client in clients:
                Flow(t, client, next(PORT), vip, port, proto).c('S', note=note)
    conns(t)
    t.snap('ipvsadm -Ln --persistent-conn')


def each(t, words):
    """ipvsadm's words for both families; {d} is a dest's network."""
    for six, dest in (('', '10.0.2.%d'), (' -6', '[fd02::%d]')):
        t.admin('ipvsadm ' + words.format(d=dest % 11, e=dest % 12) + six)


def run(t):
    go(t, 'first')
    each(t, '-e -f 9 -r {d}:0 -m -w 0')
    go(t, 'quiesced')
    t.admin('sysctl -w net.ipv4.vs.expire_quiescent_template=1')
    go(t, 'quiesced, templates expire')
    each(t, '-e -f 9 -r {d}:0 -m -w 1')
    t.admin('sysctl -w net.ipv4.vs.expire_quiescent_template=0')
    each(t, '-d -f 9 -r {e}:0')
    go(t, 'removed')
    each(t, '-a -f 9 -r {e}:0 -m -w 3')
    go(t, 'back')
    each(t, '-e -f 9 -r {e}:0 -m -w 3 -x 3 -y 1')
    go(t, 'full')
    each(t, '-e -f 9 -r {e}:0 -m -w 3')
    t.admin('ipvsadm -E -f 9 -s rr -p 90 -M 255.255.255.240')
    t.admin('ipvsadm -E -f 9 -s rr -p 90 -M 124 -6')
    go(t, 'another mask and time')
    each(t, '-E -f 9 -s wlc')
    go(t, 'not persistent')
    each(t, '-E -f 9 -s wlc -p 80')
    go(t, 'persistent')
    # Counters lag: what is not in them yet would come back.
    t.sleep(3)
    each(t, '-D -f 9')
    go(t, 'no service')
    each(t, '-A -f 9 -s rr -p 80')
    each(t, '-a -f 9 -r {d}:0 -m -w 1')
    each(t, '-a -f 9 -r {e}:0 -m -w 1')
    go(t, 'a service again')
    each(t, '-E -f 9 -s rr -p 80 -o')
    go(t, 'one packet', ((53, 17),))
    t.sleep(70)
    conns(t)
    tables(t)
    t.sleep(500)
    conns(t)
    t.snap('ipvsadm -Ln --persistent-conn')
