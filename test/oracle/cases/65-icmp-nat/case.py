"""ICMP errors about connections by NAT: of every type, towards the dest and towards the client."""
from steps import *

TYPES4 = [(3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (4, 0), (5, 0), (8, 0), (11, 0), (11, 1),
          (12, 0)]
TYPES6 = [(1, 0), (1, 4), (2, 0), (3, 0), (4, 1), (5, 0), (100, 0), (127, 0), (128, 0), (200, 0)]


def routers(client):
    """Some router on the client's side, one on the servers', and the director there."""
    return ('fd01::77', 'fd02::99', 'fd02::1') if is6(client) else \
        ('10.0.1.77', '10.0.2.99', '10.0.2.1')


def run(t):
    for client, vip in FAMILIES:
        near, far, own = routers(client)
        for proto, vport in ((6, 80), (17, 53)):
            flow = Flow(t, client, 1000, vip, vport, proto)
            for flags in (('S', 'A') if proto == 6 else ('', '')):
                flow.c(flags)
                flow.r('SA' if flags == 'S' else 'A')
            t.sleep(5)
            # What the client has seen, and what the dest has.
            seen = l3(flow.r('A', note='to be quoted')[0])
            sent = flow.sent
            kinds = TYPES6 if is6(client) else TYPES4
            for kind, code in kinds if proto == 17 else kinds[:4]:
                rest = mtu(1400)
                t.c(error(near, vip, kind, code, seen, rest), 'of a router, about a reply')
                t.r(error(far, client, kind, code, sent, rest), 'of a router, about a request')
            kind, code = kinds[1]
            t.c(error(client, vip, kind, code, seen), 'of the client')
            t.c(error(client, vip, kind, code, seen, tos=0x1c), 'of the client, TOS')
            t.c(error(near, 'fd01::1' if is6(client) else '10.0.1.1', kind, code, seen),
                'to the director')
            t.c(error(near, flow.dest, kind, code, seen), 'to the dest')
            t.r(error(flow.dest, client, kind, code, sent), 'of the dest')
            t.r(error(far, own, kind, code, sent), 'to the director, about a request')
            t.r(error(far, vip, kind, code, sent), 'to the VIP, about a request')
            t.c(error(near, vip, kind, code, sent), 'from the wrong side')
            t.r(error(far, client, kind, code, seen), 'from the wrong side')
            t.c(error(client, vip, kind, code, flow.sent[:0] + seen, bad=True), 'wrong sum')
            t.r(error(flow.dest, client, kind, code, sent, bad=True), 'wrong sum')
            for ttl in (0, 1, 2):
                t.c(error(client, vip, kind, code, seen, ttl=ttl), 'TTL %d' % ttl)
                t.r(error(flow.dest, client, kind, code, sent, ttl=ttl), 'TTL %d' % ttl)
            head = 40 if is6(client) else 20
            for size in (0, 1, head - 1, head, head + 2, head + 3, head + 4, head + 7, head + 8):
                t.c(error(client, vip, kind, code, seen[:size]), 'quoting %d' % size)
                t.r(error(flow.dest, client, kind, code, sent[:size]), 'quoting %d' % size)
            t.c(error(client, vip, kind, code, seen + b'more' * 100), 'quoting more')
            t.r(error(flow.dest, client, kind, code, sent + b'more' * 100 + b'odd'), 'odd')
            for source in ('fe80::5', 'ff02::1', '::1', '::') if is6(client) else \
                    ('127.0.0.1', '224.0.0.1', '0.0.0.0', '10.0.1.255', '255.255.255.255'):
                packet = error(source, vip, kind, code, seen)
                t.frame('c', t.eth('c', seg(client, vip, 1, 1, 'S'))[:14] + packet, 'as ' + source)
            conns(t)
    t.admin('ipvsadm -d -u 10.0.1.100:53 -r 10.0.2.11:5353')
    t.admin('ipvsadm -d -u [fd01::100]:53 -r [fd02::11]:5353')
    for client, vip, seen, sent in last(t):
        kind = 1 if is6(client) else 3
        t.c(error(client, vip, kind, 1, seen), 'dest removed')
        t.r(error(routers(client)[1], client, kind, 1, sent), 'dest removed')
    t.snap('ipvsadm -Ln --stats --exact')


def last(t):
    for client, vip in FAMILIES:
        dest = 'fd02::11' if is6(client) else '10.0.2.11'
        yield client, vip, dgram(vip, client, 53, 1000), dgram(client, dest, 1000, 5353)
