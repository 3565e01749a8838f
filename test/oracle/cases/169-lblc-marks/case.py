"""lblc, lblcr and dh by mark: many addresses behind one mark, loads, edits, what is forgotten."""
from steps import *

PORT = iter(range(1024, 60000))
MARKS = (7, 8, 9)


def cells():
    for client, vip in FAMILIES:
        for mark in MARKS:
            yield client, vip, ('fd0%d::%%x' if is6(vip) else '10.0.%d.%%d') % mark


def go(t, note, addresses=8, first=1, each=1):
    """New connections to so many addresses of each mark; those of TCP, which stay."""
    flows = []
    for client, vip, net in cells():
        for n in range(first, first + addresses):
            for _ in range(each):
                flows.append(Flow(t, client, next(PORT), net % (n * 5), 80))
                flows[-1].c('S', note=note)
            Flow(t, client, next(PORT), net % (n * 5), 53, 17).c(note=note)
    return flows


def edit(t, words, marks=MARKS):
    for mark in marks:
        for six, dest in (('', '10.0.2.%d'), (' -6', '[fd02::%d]')):
            names = dict(zip('abcd', (dest % host for host in (11, 12, 13, 14))))
            t.admin('ipvsadm ' + words.format(m=mark, **names) + six)


def run(t):
    flows = go(t, 'first')
    for flow in flows[::3]:
        flow.c('A')
    go(t, 'again')
    for n in range(9):
        for client, vip, net in cells():
            opened(t, client, next(PORT), net % 5, 80)
    go(t, 'the first address has a busy dest', 3)
    # dh would refuse; an error from one of so many addresses has an id that nobody masks.
    edit(t, '-e -f {m} -r {a}:0 -m -w 0', MARKS[:2])
    go(t, 'one is quiesced', 5)
    edit(t, '-a -f {m} -r {d}:0 -m -w 9')
    go(t, 'one more', 6, 5)
    edit(t, '-d -f {m} -r {b}:0')
    go(t, 'one is removed', 5)
    edit(t, '-a -f {m} -r {b}:0 -m -w 1')
    go(t, 'it is back', 5)
    edit(t, '-e -f {m} -r {a}:0 -m -w 1')
    for flow in flows:
        flow.c('R')
    go(t, 'resets', 4)
    t.admin('sysctl -w net.ipv4.vs.lblc_expiration=100; sysctl -w net.ipv4.vs.lblcr_expiration=100')
    t.sleep(200)
    go(t, 'sets shrink', 4)
    conns(t)
    t.sleep(4000)
    go(t, 'what was remembered is forgotten', 6)
    tables(t)
