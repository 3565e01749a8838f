"""What assures a template, and that a controlled connection is not begun anew."""
from steps import *

WALKS = ('cS', 'cS rSA', 'cS rSA cA', 'cS rSA cA cFA', 'cS rSA cA cFA rFA', 'cS rSA cA rR',
         'cS rSA cFA', 'cS rSA rFA', 'cS rR', 'cS rSA cR', 'cS cR', 'cS rSA cA cR',
         'cS rSA cA cFA rFA cS', 'cS rSA cA rR cS rR', 'cS rSA rFA cS rSA cA', 'cS c cS')


def walk(t, flow, packets):
    for packet in packets.split():
        if flow.vport != 81 or packet[0] == 'c':
            getattr(flow, packet[0])(packet[1:])
    return flow


def run(t):
    flows = []
    for n, packets in enumerate(WALKS):
        for client, vip in FAMILIES:
            flows.append(walk(t, Flow(t, client[:-2] + str(20 + n), 1000, vip), packets))
        flows.append(walk(t, Flow(t, '10.0.1.%d' % (20 + n), 1000, V4, 81), packets))
        conns(t)
    for client, vip in FAMILIES:
        flow = Flow(t, client, 1000, vip, 53, 17)
        flow.c()
        conns(t)
        flow.r(ttl=1)
        conns(t)
        flow.r()
        conns(t)
        Flow(t, client, 1001, vip, 53, 17).c()
    t.admin('ipvsadm -a -t 10.0.1.100:80 -r 10.0.2.12:8080 -m -w 1')
    for flow in flows:
        flow.c('S', note='again')
    conns(t)
    tables(t)
    t.admin('sysctl -w net.ipv4.vs.conn_reuse_mode=2')
    for flow in flows:
        flow.c('S', note='once more')
    conns(t)
    t.admin('sysctl -w net.ipv4.vs.expire_nodest_conn=1')
    t.admin('ipvsadm -e -t 10.0.1.100:80 -r 10.0.2.11:8080 -m -w 0')
    for flow in flows:
        flow.c('S', note='its dest is quiesced')
    conns(t)
    t.admin('ipvsadm -d -t 10.0.1.100:80 -r 10.0.2.11:8080')
    t.sleep(1)
    conns(t)
    for flow in flows:
        flow.c('S', note='its dest is gone')
    conns(t)
    tables(t)
    t.sleep(90)
    conns(t)
