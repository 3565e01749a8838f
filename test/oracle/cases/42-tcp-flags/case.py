"""Flags that do not go together, on new connections and on living ones."""
from steps import *

FLAGS = ('', 'P', 'U', 'F', 'FPU', 'SF', 'SR', 'SFRPAU', 'SEC', 'SA', 'R', 'RA', 'FA', 'A', 'SPU')


def run(t):
    for client, vip in FAMILIES:
        for n, flags in enumerate(FLAGS):
            t.c(seg(client, vip, 1000 + n, 80, flags), 'new, ' + flags)
            if not is6(client):
                t.c(seg(client, vip, 1000 + n, 81, flags), 'new, DR, ' + flags)
                flow = opened(t, client, 2000 + n, vip)
                flow.c(flags, note='living, ' + flags)
                flow.r(flags, note='living, dest, ' + flags)
    conns(t)
