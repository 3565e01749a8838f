"""The host's limits on the ICMP errors of its own: by dest, by type, of all. Whoever reads the host's
settings now and then has a second for it."""
from steps import *


def burst(t, client, vip, n, note, port=80):
    for i in range(n):
        t.c(seg(client, vip, 1000, port, 'A', ttl=1), '%s, %d' % (note, i))


def host(t, words):
    t.admin('sysctl -w ' + words)
    t.sleep(1)


def run(t):
    for client, vip in FAMILIES:
        opened(t, client, 1000, vip)
        opened(t, client.replace('10', '12') if is6(client) else '10.0.1.12', 1000, vip)
    big = b'x' * 1440
    host(t, 'net.ipv4.icmp_ratelimit=1000')
    burst(t, C4, V4, 9, 'burst of 6')
    t.sleep(1)
    burst(t, C4, V4, 2, 'after a second')
    t.sleep(2.5)
    burst(t, C4, V4, 3, 'after 2.5 s')
    burst(t, '10.0.1.12', V4, 8, 'another client')
    t.sleep(20)
    burst(t, C4, V4, 8, 'full again')
    t.admin('ipvsadm -e -t 10.0.1.100:81 -r 10.0.2.11:81 -g -w 0')
    t.c(seg(C4, V4, 1001, 81, 'S'), 'other type')
    t.r(seg('10.0.2.11', C4, 8080, 1000, 'A', ttl=1), 'to a server')
    host(t, 'net.ipv4.icmp_ratemask=8')
    burst(t, C4, V4, 8, 'masked out')
    t.c(seg(C4, V4, 1001, 81, 'S'), 'in the mask')
    host(t, 'net.ipv4.icmp_ratemask=6168 net.ipv4.icmp_ratelimit=100')
    t.sleep(0.25)
    burst(t, C4, V4, 5, 'ten a second')
    t.sleep(5)
    burst(t, C4, V4, 8, 'ten a second, rested')
    host(t, 'net.ipv4.icmp_ratelimit=0')
    burst(t, C4, V4, 8, 'no limit')
    host(t, 'net.ipv6.icmp.ratelimit=1000')
    burst(t, C6, V6, 12, 'IPv6, a /64')
    t.sleep(1)
    burst(t, C6, V6, 7, 'IPv6, after a second')
    host(t, 'net.ipv6.icmp.ratelimit=4000')
    t.sleep(20)
    burst(t, C6, V6, 9, 'IPv6, more')
    t.admin('ip route add fd01::12/128 dev c0')
    burst(t, 'fd01::12', V6, 8, 'IPv6, a /128')
    host(t, 'net.ipv6.icmp.ratemask=0-2,4-127')
    burst(t, 'fd01::12', V6, 8, 'IPv6, masked out')
    t.admin('ipvsadm -e -t [fd01::100]:81 -r [fd02::11]:81 -g -w 0')
    t.c(seg('fd01::12', V6, 1001, 81, 'S'), 'in the mask')
    host(t, 'net.ipv6.icmp.ratelimit=0')
    burst(t, 'fd01::12', V6, 3, 'IPv6, no limit')
    host(t, 'net.ipv4.icmp_msgs_burst=0 net.ipv4.icmp_msgs_per_sec=0')
    t.sleep(1)
    burst(t, C4, V4, 3, 'none')
    burst(t, C6, V6, 3, 'none')
    conns(t)
