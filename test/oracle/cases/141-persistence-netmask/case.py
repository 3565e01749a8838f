"""How much of a client's address counts: masks of IPv4, prefixes of IPv6."""
from steps import *

CLIENTS = {V4: ('10.0.1.10', '10.0.1.11', '10.0.1.17', '10.0.1.200', '10.0.3.10', '10.9.1.17'),
           V6: ('fd01::10', 'fd01::11', 'fd01::18', 'fd01::1:0:0:0:10', 'fd01:8::10', 'fd03::18')}


def run(t):
    for vip, clients in CLIENTS.items():
        for port in (80, 81, 82):
            for cport in (1000, 1001):
                for client in clients:
                    Flow(t, client, cport, vip, port).c('S')
            conns(t)
        t.snap('ipvsadm -Ln --persistent-conn')
    t.admin('ipvsadm -E -t 10.0.1.100:80 -s rr -p 50 -M 255.255.255.248')
    t.admin('ipvsadm -E -t [fd01::100]:80 -s rr -p 50 -M 125')
    for vip, clients in CLIENTS.items():
        for client in clients:
            Flow(t, client, 2000, vip).c('S', note='another mask')
    conns(t)
    tables(t)
    t.sleep(80)
    conns(t)
    t.snap('ipvsadm -Ln --persistent-conn')
