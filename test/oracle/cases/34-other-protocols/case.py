"""What is neither TCP nor UDP: echo, GRE, unknown protocols; AH and ESP follow UDP port 500."""
from steps import *

AH = b'\x04\4\0\0' + b'\0\0\1\0' + b'\0\0\0\1' + b'\xaa' * 12
ESP = b'\0\0\1\0' + b'\0\0\0\1' + b'\xbb' * 24


def run(t):
    for client, vip in FAMILIES:
        echo = icmp6(client, vip, 128, 0, b'\0\1\0\1', b'ping') if is6(client) else \
            icmp(8, 0, b'\0\1\0\1', b'ping')
        t.c(ip(client, vip, 58 if is6(client) else 1, echo), 'echo request')
        t.c(ip(client, vip, 47, b'\0\0\x08\0' + b'gre'), 'GRE')
        t.c(ip(client, vip, 253, b'experiment'), 'protocol 253')
        t.c(ip(client, vip, 132, sctp(5, 80, 0, chunk(1, 0, b'\0' * 16))), 'SCTP')
        t.c(ip(client, vip, 51, AH), 'AH, no connection')
        t.c(ip(client, vip, 50, ESP), 'ESP, no connection')
        flow = Flow(t, client, 500, vip, 500, 17)
        flow.c()
        t.sleep(5)
        t.c(ip(client, vip, 51, AH), 'AH')
        t.c(ip(client, vip, 50, ESP), 'ESP')
        t.c(ip(client, vip, 50, ESP, ttl=1), 'ESP, TTL 1')
        t.r(ip(flow.dest, client, 50, ESP), 'ESP, reply')
        t.r(ip(flow.dest, client, 51, AH), 'AH, reply')
        t.c(ip(client, vip, 50, b'abc'), 'ESP of three bytes')
    conns(t)
