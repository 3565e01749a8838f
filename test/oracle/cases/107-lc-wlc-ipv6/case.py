"""lc and wlc in IPv6: edits under traffic, weight 0, dests that come and go."""
from steps import *


def run(t):
    edited(t, ['lc', 'wlc'], C6, V6)
