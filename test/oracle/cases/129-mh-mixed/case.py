"""mh with dests of the other family: what of their addresses counts is the service's to say."""
from steps import *


def run(t):
    firsts(t, 40)
    firsts(t, 40, V6)
    t.admin('ipvsadm -d -t 10.0.1.100:80 -r 10.0.2.11')
    t.admin('ipvsadm -d -t [fd01::100]:80 -r [fd02::11]')
    firsts(t, 20, cport=40001)
    firsts(t, 20, V6, cport=40001)
    tables(t)
