"""rr and wrr: TCP and UDP, edits under traffic, weight 0, dests that come and go."""
from steps import *


def run(t):
    edited(t, ['rr', 'wrr'])
