"""schedule_icmp: an error about a packet of no connection makes one."""
from steps import *


def run(t):
    t.admin('sysctl -w net.ipv4.vs.schedule_icmp=1')
    for client, vip in FAMILIES:
        kind, code = (1, 4) if is6(client) else (3, 3)
        for n, (vport, flags) in enumerate(((80, 'A'), (80, 'R'), (81, 'S'), (82, 'FA'))):
            reply = seg(vip, client, vport, 1000 + n, flags)
            t.c(error(client, vip, kind, code, reply), 'TCP %d' % vport)
            t.c(error(client, vip, kind, code, reply), 'again')
        for vport in (53, 54, 55):
            t.c(error(client, vip, kind, code, dgram(vip, client, vport, 1100)), 'UDP %d' % vport)
        t.c(error(client, vip, kind, code, seg(vip, client, 83, 1200, 'A')), 'no service')
        t.c(error(client, vip, kind, code, seg(vip, client, 80, 20, 'A')), 'FTP data')
        t.c(error(client, vip, kind, code, seg(vip, client, 80, 1201, 'A'), bad=True), 'wrong sum')
        t.c(error(client, vip, kind, code, seg(vip, client, 81, 1202, 'A'), bad=True), 'wrong sum')
        head = 40 if is6(client) else 20
        t.c(error(client, vip, kind, code, seg(vip, client, 80, 1203, 'A')[:head + 4]), 'ports')
        t.c(error(client, vip, kind, code, seg(vip, client, 80, 1204, 'A')[:head + 3]), 'fewer')
        t.c(error(client, vip, kind, code, seg(vip, client, 80, 1205, 'A'), ttl=1), 'TTL 1')
        t.r(error('fd02::99' if is6(client) else '10.0.2.99', client, kind, code,
                  seg(client, vip, 1206, 80, 'A')), 'about a request')
        t.c(packet(client, vip, 50, b'\0\0\1\0' + b'\0\0\0\1' + b'\xbb' * 24), 'ESP')
        t.c(error(client, vip, kind, code, packet(vip, client, 50, b'\0' * 24)), 'about ESP')
        conns(t)
        t.sleep(2)
        flow = Flow(t, client, 1000, vip)
        flow.c('A', note='on its connection')
        conns(t)
    t.sleep(4)
    conns(t)
    t.admin('ipvsadm -e -t 10.0.1.100:80 -r 10.0.2.11:8080 -m -w 0')
    t.admin('ipvsadm -e -t [fd01::100]:80 -r [fd02::11]:8080 -m -w 0')
    for client, vip in FAMILIES:
        kind, code = (1, 4) if is6(client) else (3, 3)
        t.c(error(client, vip, kind, code, seg(vip, client, 80, 1300, 'A')), 'no dest')
    t.admin('sysctl -w net.ipv4.vs.schedule_icmp=0')
    t.c(error(C4, V4, 3, 3, seg(V4, C4, 81, 1301, 'A')), 'switched off')
    conns(t)
    tables(t)
