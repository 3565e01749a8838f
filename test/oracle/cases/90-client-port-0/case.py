"""A client that sends from port 0: no packet of it finds a connection, replies do."""
from steps import *


def run(t):
    for client, vip in FAMILIES:
        one = Flow(t, client, 0, vip)
        one.c('S')
        one.r('SA')
        one.c('A', note='not a SYN, so nothing begins')
        one.c('S', note='the same SYN again')
        one.r('SA', note='the first dest again')
        t.c(error(client, vip, *((1, 4) if is6(client) else (3, 3)), one.reply('SA')), 'an error')
        two = Flow(t, client, 0, vip, 53, proto=17)
        for _ in range(3):
            two.c()
        two.r()
        two.c(zero=True, note='no checksum')
        conns(t)
        tables(t)
