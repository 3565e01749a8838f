"""Transport checksums: wrong ones stay wrong, missing ones of UDP are made by NAT."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        flow = Flow(t, client, 1000, vip)
        flow.c('S', bad=True, note='wrong, SYN')
        flow.r('SA', bad=True, note='wrong, reply')
        flow.c('A', b'odd', bad=True, note='wrong, data')
        flow = Flow(t, client, 1000, vip, 81)
        flow.c('S', bad=True, note='wrong, DR')
        for n in range(2):
            flow = Flow(t, client, 2000 + n, vip, 53, 17)
            flow.c(zero=True, note='no checksum')
            flow.r(zero=True, note='no checksum, reply')
            flow.c(data=b'odd', zero=True, note='no checksum, odd length')
            flow.r(data=b'odd', zero=True, note='no checksum, odd length, reply')
            flow.c(bad=True, note='wrong')
            flow.r(bad=True, note='wrong, reply')
        # A sum that comes out as nothing is written as ffff: two bytes of data make it so.
        for flow_data in (b'', b'\0\0'):
            flow.c(data=flow_data or b' ', note='tiny')
        for word in range(0, 65536, 16384):
            flow.c(data=word.to_bytes(2, 'big'), note='two bytes')
    conns(t)
