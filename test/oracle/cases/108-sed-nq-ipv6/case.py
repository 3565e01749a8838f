"""sed and nq in IPv6: edits under traffic, weight 0, dests that come and go."""
from steps import *


def run(t):
    edited(t, ['sed', 'nq'], C6, V6)
