"""Malformed IPv4 options and source routes are refused by the host: 12/0, or silence."""
from steps import *

BAD = {
    'record route of two bytes': b'\x07\x02\x04\0', 'record route, pointer 3': b'\x07\x07\x03\0\0\0\0\0',
    'record route, past the header': b'\x07\x0b\x04\0', 'record route, slot cut': b'\x07\x06\x04\0\0\0\0\0',
    'length 0': b'\x9e\0\0\0', 'length 1': b'\x9e\1\0\0', 'no room for a length': b'\1\1\1\x07',
    'timestamps of three bytes': b'\x44\x03\x05\0', 'timestamps, pointer 4': b'\x44\x08\x04\0\0\0\0\0',
    'timestamps, overflow 15': b'\x44\x08\x09\xf0\0\0\0\0',
    'timestamps, overflow 14': b'\x44\x08\x09\xe0\0\0\0\0',
    'timestamps, flag 2': b'\x44\x0c\x05\x02' + b'\0' * 8,
    'two record routes': b'\x07\x07\x04\0\0\0\0' * 2 + b'\0\0',
    'router alert of three': b'\x94\x03\0\0', 'CIPSO, short': b'\x86\x04\0\0',
    'loose source route': b'\x83\x07\x04' + ip4('10.0.2.11') + b'\0',
    'loose source route, done': b'\x83\x07\x08' + ip4('10.0.2.11') + b'\0',
    'strict source route': b'\x89\x07\x04' + ip4('10.0.2.11') + b'\0',
}


def run(t):
    opened(t, C4, 900, V4)
    for n, (name, options) in enumerate(BAD.items()):
        t.c(seg(C4, V4, 1000 + n, 80, 'S', ipopts=options), name)
        if n % 4 == 0:
            t.c(seg(C4, V4, 900, 80, 'A', ipopts=options), name + ', known connection')
    conns(t)
