"""Errors that make a connection: the client of the quoted packet chooses the slot."""
from steps import *


def run(t):
    t.admin('sysctl -w net.ipv4.vs.schedule_icmp=1')
    for vport in (80, 81, 82):
        for n, client in enumerate(clients(6)):
            reply = dgram(V4, client, vport, 1000 + 77 * n)
            t.c(error(client, V4, 3, 3, reply), 'about a reply')
            t.c(dgram(client, V4, 1000 + 77 * n, vport), 'on its connection')
    conns(t)
