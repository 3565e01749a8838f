"""Fields of TCP and UDP that are not checked: data offset, lengths, on connections old and new."""
from steps import *


def patched(packet, at, value):
    """The packet with these bytes at a place of its transport header, checksums as they were."""
    at += 40 if packet[0] >> 4 == 6 else 20
    return packet[:at] + value + packet[at + len(value):]


def run(t):
    for client, vip in FAMILIES:
        flow = opened(t, client, 900, vip)
        direct = Flow(t, client, 901, vip, 81)
        direct.c('S')
        for offset in (0, 1, 4, 15):
            field = bytes([offset << 4])
            t.c(patched(seg(client, vip, 900, 80, 'A'), 12, field), 'data offset %d' % offset)
            t.c(patched(seg(client, vip, 901, 81, 'A'), 12, field), 'data offset, DR')
            t.c(patched(seg(client, vip, 910 + offset, 80, 'S'), 12, field), 'data offset, new')
            t.r(patched(flow.reply('A'), 12, field), 'data offset, reply')
        query = Flow(t, client, 900, vip, 53, 17)
        query.c()
        for length in (0, 1, 7, 8, 200, 65535):
            field = length.to_bytes(2, 'big')
            t.c(patched(dgram(client, vip, 900, 53), 4, field), 'length %d' % length)
            t.c(patched(dgram(client, vip, 920 + length % 97, 53), 4, field), 'length, new')
            t.c(patched(dgram(client, vip, 920 + length % 97, 54), 4, field), 'length, DR')
            t.r(patched(query.reply(), 4, field), 'length, reply')
        t.c(patched(dgram(client, vip, 900, 53, zero=True), 4, b'\0\4'), 'no checksum, length 4')
        t.c(patched(seg(client, vip, 900, 80, 'FA'), 12, b'\x10'), 'data offset 1, FIN')
    conns(t)
