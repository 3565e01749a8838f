"""schedule_icmp and marks: the error's own mark counts; one-packet services by mark."""
from steps import *


def run(t):
    t.admin('sysctl -w net.ipv4.vs.schedule_icmp=1')
    for client, vip in FAMILIES:
        net = 'fd09::1' if is6(vip) else '10.0.9.1'
        kind, code = (1, 4) if is6(client) else (3, 3)
        t.c(error(client, vip, kind, code, seg(vip, client, 80, 2500, 'A')), 'marked')
        t.c(error(client, vip, kind, code, seg(vip, client, 80, 2500, 'A')), 'again')
        t.c(error(client, net, kind, code, seg(net, client, 80, 2501, 'A')), 'ICMP has no mark')
        conns(t)
    t.admin('ipvsadm -E -f 9 -s rr -o')
    t.admin('ipvsadm -E -f 9 -s rr -o -6')
    for client, vip in FAMILIES:
        for n in range(3):
            flow = Flow(t, client, 2510, vip, 53, 17)
            flow.c(note='one packet')
            flow.r()
        Flow(t, client, 2511, vip, 80).established()
        conns(t)
    tables(t)
