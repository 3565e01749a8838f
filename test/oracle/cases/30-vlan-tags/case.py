"""Priority tags are no tags; a VLAN without a device is not the host's."""
from steps import *

TAGS = {
    'VID 0': '81000000', 'VID 0, priority 5': '8100a000', '802.1ad, VID 0': '88a80000',
    'two, VID 0': '8100000081000000', 'ad and q, VID 0': '88a8000081002000',
    'VID 5': '81000005', 'VID 4095': '81000fff', '802.1ad, VID 5': '88a80005',
    'VID 0 before VID 5': '8100000081000005', 'three, VID 0': '810000008100000081000000',
}


def run(t):
    for client, vip in FAMILIES:
        flow = opened(t, client, 900, vip)
        for n, (name, tag) in enumerate(TAGS.items()):
            put = lambda frame: frame[:12] + bytes.fromhex(tag) + frame[12:]
            t.frame('c', put(t.eth('c', seg(client, vip, 1000 + n, 80, 'S'))), name)
            t.frame('r', put(t.eth('r', flow.reply('A'))), name + ', reply')
            if n in (1, 3, 5):
                t.frame('c', put(t.eth('c', seg(client, vip, 1000 + n, 81, 'S'))), name + ', DR')
    conns(t)
