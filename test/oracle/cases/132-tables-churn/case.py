"""Dests that come, change and go at random, the same way each time, under traffic."""
import random

from steps import *


def run(t):
    dice = random.Random(132)
    there = {vport: set() for vport in range(80, 85)}
    for turn in range(70):
        vport = dice.randrange(80, 85)
        n = dice.randrange(11, 17)
        words = '-t 10.0.1.100:%d -r 10.0.2.%d:%d' % (vport, n, 8000 + n)
        weight = dice.choice((0, 0, 1, 1, 2, 3, 10, 64, 1000))
        if n not in there[vport]:
            there[vport].add(n)
            t.admin('ipvsadm -a %s -m -w %d' % (words, weight))
        elif dice.random() < 0.35:
            there[vport].remove(n)
            t.admin('ipvsadm -d %s' % words)
        else:
            t.admin('ipvsadm -e %s -m -w %d' % (words, weight))
        firsts(t, 4, vport=vport, cport=30000 + turn, first=4 * turn)
    tables(t)
