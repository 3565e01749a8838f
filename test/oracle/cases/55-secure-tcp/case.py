"""secure_tcp: the table under attack, when it is in force, and its way back."""
from steps import *

WALKS = ('cS rSA cA', 'cS cA rSA cA rA cA', 'cS rSA cA rA', 'cS rSA cR', 'cS rSA rR', 'cS rSA cFA',
         'cS rSA rFA cA', 'cS rSA cS', 'cS cR cA', 'cS rA', 'cS rSA cA rA cFA rFA cA',
         'cS rSA cA rA rFA cA cFA rA', 'cS c', 'cS rSA r', 'cS rS cA rA', 'cS rFA cA cS')
DIRECT = ('cS', 'cS cA', 'cS cR', 'cS cA cFA', 'cS cFA', 'cS cA cFA cS', 'cS cA cR cS', 'cS c',
          'cS cA cFA cA cR')


def walks(t, base):
    for n, walk in enumerate(WALKS):
        client, vip = FAMILIES[n % 2]
        flow = Flow(t, client, base + n, vip)
        for packet in walk.split():
            getattr(flow, packet[0])(packet[1:])
    for n, walk in enumerate(DIRECT):
        flow = Flow(t, C4, base + n, V4, 81)
        for packet in walk.split():
            flow.c(packet[1:])
    conns(t)
    tables(t)


def setting(t, name, value):
    t.admin('sysctl -w net.ipv4.vs.%s=%d' % (name, value))


def run(t):
    walks(t, 1000)
    setting(t, 'secure_tcp', 3)
    walks(t, 2000)
    half = Flow(t, C4, 3000, V4)
    half.c('S')
    half.r('SA')
    half.c('A')
    setting(t, 'secure_tcp', 0)
    half.c('A', note='off again')
    conns(t)
    setting(t, 'secure_tcp', 1)
    opened(t, C4, 3001, V4)
    conns(t)
    setting(t, 'amemthresh', 1 << 30)
    setting(t, 'secure_tcp', 2)
    opened(t, C4, 3002, V4)
    conns(t)
    setting(t, 'amemthresh', 0)
    t.sleep(3)
    opened(t, C4, 3003, V4)
    conns(t)
    t.admin('sysctl net.ipv4.vs.secure_tcp')
    setting(t, 'amemthresh', 1 << 30)
    t.sleep(3)
    opened(t, C4, 3004, V4)
    conns(t)
    t.admin('sysctl net.ipv4.vs.secure_tcp')
    setting(t, 'secure_tcp', 0)
    opened(t, C4, 3005, V4)
    conns(t)
    t.sleep(12)
