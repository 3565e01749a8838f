"""lblc and lblcr in IPv6: edits under traffic, weight 0, dests that come and go."""
from steps import *


def run(t):
    edited(t, ['lblc', 'lblcr'], C6, V6)
