"""ICMP errors of the director's own: whom they go to, what they quote, their fields."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        six = is6(client)
        opened(t, client, 1000, vip)
        big = 1232 if six else 548
        for size in (40, 41, big - 1, big, big + 1, 1400, 1460):
            data = bytes(i * 89 & 255 for i in range(size - (60 if six else 40))) \
                if size > 60 else b''
            t.c(seg(client, vip, 1000, 80, 'A', data, ttl=1), 'TTL 1, %d bytes' % size)
        for tos in (0, 1, 2, 3, 0x10, 0x1e, 0xbb, 0xc0, 0xff):
            t.c(seg(client, vip, 1000, 80, 'A', ttl=1, tos=tos), 'TTL 1, TOS %d' % tos)
        t.c(seg(client, vip, 1000, 80, 'A', ttl=0), 'TTL 0')
        if not six:
            t.c(seg(client, vip, 1000, 80, 'A', ttl=1, df=False), 'without DF')
        for port in (81, 82):
            Flow(t, client, 1000, vip, port).c('S', note='TTL 1 by %d' % port, ttl=1)
        t.c(dgram(client, vip, 1000, 53, ttl=1), 'UDP, TTL 1')
        t.r(seg('fd02::11' if six else '10.0.2.11', client, 8080, 1000, 'A', ttl=1), 'reply')
        t.r(seg('fd02::11' if six else '10.0.2.11', client, 8080, 1000, 'A', ttl=0), 'reply')
        mac_of = t.eth('c', seg(client, vip, 1, 1, 'S'))[:14]
        sources = ('fe80::5', 'fd01::99', 'fd05::1', 'ff02::5') if six else \
            ('10.0.1.255', '10.0.1.0', '10.0.9.9', '169.254.1.1', '240.0.0.1', '10.0.2.20',
             '10.0.2.255')
        for source in sources:
            t.frame('c', mac_of + seg(source, vip, 1001, 80, 'S', ttl=1), 'TTL 1 from ' + source)
        head = mac_of[12:]
        for name, dmac in (('broadcast', b'\xff' * 6), ('multicast', b'\1\0\x5e\0\0\1')):
            t.frame('c', dmac + mac_of[6:12] + head + seg(client, vip, 1002, 80, 'S', ttl=1), name)
    t.admin('ipvsadm -e -t 10.0.1.100:80 -r 10.0.2.11:8080 -m -w 0')
    t.admin('ipvsadm -e -t [fd01::100]:80 -r [fd02::11]:8080 -m -w 0')
    for client, vip in FAMILIES:
        t.c(seg(client, vip, 1003, 80, 'S', b'x' * 1000), 'no dest')
        t.c(seg(client, vip, 1003, 80, 'S', ttl=1), 'no dest, TTL 1')
    t.admin('ipvsadm -a -t 10.0.1.100:80 -r 10.0.4.11:80 -m; '
            'ipvsadm -a -t [fd01::100]:80 -r [fd04::11]:80 -m')
    for client, vip in FAMILIES:
        flow = opened(t, client, 1004, vip)
        for size in (1300, 1301, 1500):
            data = b'x' * (size - (60 if is6(client) else 40))
            flow.c('A', data, '%d bytes' % size)
            flow.c('A', data, '%d bytes, TTL 1' % size, ttl=1)
            flow.c('A', data, '%d bytes, TTL 2' % size, ttl=2, tos=7)
    conns(t)
    t.snap('ipvsadm -Ln --stats --exact')
