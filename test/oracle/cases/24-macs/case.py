"""Frames for others, for all and for groups: whose MAC address a packet comes to."""
from steps import *

MACS = {'foreign': '02:00:00:00:0c:63', 'broadcast': 'ff:ff:ff:ff:ff:ff',
        'IPv4 group': '01:00:5e:00:00:01', 'IPv6 group': '33:33:00:00:00:01',
        'other side': '02:00:00:00:02:01'}


def run(t):
    for client, vip in FAMILIES:
        flow = opened(t, client, 1000, vip)
        for n, (name, address) in enumerate(MACS.items()):
            to = lambda side, packet: mac(address) + t.eth(side, packet)[6:]
            t.frame('c', to('c', seg(client, vip, 100 + n, 80, 'S')), name + ', SYN')
            t.frame('c', to('c', seg(client, vip, 1000, 80, 'A')), name + ', known')
            t.frame('c', to('c', seg(client, vip, 200 + n, 81, 'S')), name + ', SYN, DR')
            t.frame('c', to('c', dgram(client, vip, 100 + n, 53)), name + ', UDP')
            if name != 'other side':
                t.frame('r', to('r', flow.reply('A')), name + ', reply')
    conns(t)
