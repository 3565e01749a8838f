"""Lengths and versions that the host's IP refuses, or does not mind, on requests and replies."""
from steps import *


def put(t, packet, at, value, note, fix=True):
    b = bytearray(packet)
    b[at:at + len(value)] = value
    if fix and b[0] >> 4 == 4 and len(b) >= 20:
        b[10:12] = b'\0\0'
        b[10:12] = csum(bytes(b[:20])).to_bytes(2, 'big')
    t.frame('c', t.eth('c', packet)[:14] + bytes(b), note)


def run(t):
    syn = lambda n: seg(C4, V4, n, 80, 'S')
    put(t, syn(1), 0, b'\x65', 'version 6 in an IPv4 frame')
    put(t, syn(2), 0, b'\x44', 'header length 16')
    put(t, syn(3), 0, b'\x4f', 'header length 60, past the packet')
    put(t, syn(4), 2, (41).to_bytes(2, 'big'), 'longer than its frame')
    put(t, syn(5), 2, (19).to_bytes(2, 'big'), 'shorter than its header')
    put(t, syn(6), 2, (20).to_bytes(2, 'big'), 'a header and nothing')
    put(t, syn(7), 10, b'\x12\x34', 'wrong header checksum', fix=False)
    put(t, syn(8), 6, b'\xc0\0', 'reserved flag bit')
    t.frame('c', t.eth('c', syn(9)) + b'trailing', 'padding behind the packet')
    t.frame('c', t.eth('c', syn(10))[:14 + 15], '15 bytes of IPv4')
    syn = lambda n: seg(C6, V6, n, 80, 'S')
    put(t, syn(1), 0, b'\x50', 'version 5 in an IPv6 frame')
    put(t, syn(2), 4, (21).to_bytes(2, 'big'), 'payload longer than its frame')
    put(t, syn(3), 4, (0).to_bytes(2, 'big'), 'payload length 0')
    put(t, syn(4), 4, (19).to_bytes(2, 'big'), 'payload shorter than TCP')
    t.frame('c', t.eth('c', syn(5)) + b'trailing', 'padding behind the packet')
    t.frame('c', t.eth('c', syn(6))[:14 + 39], '39 bytes of IPv6')
    for client, vip in FAMILIES:
        flow = opened(t, client, 1000, vip)
        t.frame('r', t.eth('r', flow.reply('A')) + b'pad', 'padded reply')
        reply = bytearray(t.eth('r', flow.reply('A', b'x')))
        reply[14 + (4 if is6(client) else 2) + 1] += 1
        t.frame('r', bytes(reply), 'reply longer than its frame')
    conns(t)
