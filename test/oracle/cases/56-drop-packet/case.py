"""drop_packet: every so many new connections one is dropped, and nothing else is."""
from steps import *


def setting(t, name, value):
    t.admin('sysctl -w net.ipv4.vs.%s=%d' % (name, value))


def starts(t, base, count=7):
    for n in range(count):
        client, vip = FAMILIES[n % 2]
        Flow(t, client, base + n, vip).c('S', note='start %d' % n)
    Flow(t, C4, base, V4, 53, 17).c(note='UDP')
    Flow(t, C4, base, V4, 81).c('S', note='DR')


def run(t):
    old = opened(t, C4, 1000, V4)
    starts(t, 1100, 2)
    setting(t, 'am_droprate', 3)
    setting(t, 'drop_packet', 3)
    starts(t, 1200, 7)
    old.c('A')
    old.r('A')
    Flow(t, C4, 20, V4).c('S', note='port 20 counts')
    Flow(t, C4, 1300, V4, 99).c('S', note='no service does not')
    Flow(t, C4, 1301, V4).c('A', note='nor what may not start one')
    starts(t, 1400, 4)
    setting(t, 'am_droprate', 1)
    t.sleep(2.5)
    starts(t, 1500, 3)
    setting(t, 'am_droprate', 0)
    t.sleep(2.5)
    starts(t, 1600, 3)
    setting(t, 'am_droprate', -4)
    t.sleep(2.5)
    starts(t, 1700, 3)
    setting(t, 'drop_packet', 1)
    starts(t, 1800, 3)
    setting(t, 'amemthresh', 1 << 30)
    t.sleep(2.5)
    starts(t, 1900, 3)
    t.admin('sysctl net.ipv4.vs.drop_packet')
    setting(t, 'amemthresh', 0)
    t.sleep(2.5)
    starts(t, 2000, 3)
    t.admin('sysctl net.ipv4.vs.drop_packet')
    setting(t, 'drop_packet', 0)
    starts(t, 2100, 3)
    conns(t)
    tables(t)
