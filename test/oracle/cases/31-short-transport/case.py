"""Transport headers cut short, for connections known and unknown."""
from steps import *


def cut(packet, left):
    """The packet with so many transport bytes left, its length right again."""
    head = 40 if packet[0] >> 4 == 6 else 20
    b = bytearray(packet[:head + left])
    if head == 40:
        b[4:6] = left.to_bytes(2, 'big')
    else:
        b[2:4], b[10:12] = (20 + left).to_bytes(2, 'big'), b'\0\0'
        b[10:12] = csum(bytes(b[:20])).to_bytes(2, 'big')
    return bytes(b)


def run(t):
    for client, vip in FAMILIES:
        flows = [opened(t, client, 900, vip), Flow(t, client, 900, vip, 81),
                 Flow(t, client, 900, vip, 82)]
        for flow in flows[1:]:
            flow.c('S')
        for left in (0, 3, 4, 8, 14, 19):
            for port in (80, 81, 82):
                t.c(cut(seg(client, vip, 900, port, 'R'), left), 'known %d, %d' % (port, left))
            t.c(cut(seg(client, vip, 950, 80, 'S'), left), 'new, %d' % left)
            t.r(cut(flows[0].reply('R'), left), 'reply, %d' % left)
        query = Flow(t, client, 900, vip, 53, 17)
        query.c()
        for left in (0, 3, 4, 7, 8):
            t.c(cut(dgram(client, vip, 900, 53), left), 'UDP known, %d' % left)
            t.c(cut(dgram(client, vip, 960 + left, 53), left), 'UDP new, %d' % left)
            t.r(cut(query.reply(), left), 'UDP reply, %d' % left)
    conns(t)
