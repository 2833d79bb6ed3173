#!/usr/bin/env python3
"""What an idle group costs: resident and anonymous memory, and the share of one core, of each peer."""
import argparse
import os
import time

from cluster import Client, Group

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--prodha', required=True)
parser.add_argument('--seconds', type=float, default=20)
options = parser.parse_args()


def memory(pid):
    fields = dict(line.split(':', 1) for line in open(f'/proc/{pid}/status'))
    return [int(fields[name].split()[0]) / 1024 for name in ('VmRSS', 'RssAnon')]


def processor_seconds(pid):
    fields = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


group = Group(options.prodha)
try:
    Client(group).commit()
    leader = group.producer()
    before = {i: processor_seconds(p.pid) for i, p in group.processes.items()}
    time.sleep(options.seconds)
    for peer, process in group.processes.items():
        used = (processor_seconds(process.pid) - before[peer]) / options.seconds * 100
        resident, anonymous = memory(process.pid)
        role = 'leader' if peer == leader else 'follower'
        print(f'peer {peer} {role:8}  {resident:5.1f} MB resident, {anonymous:4.1f} MB anonymous, {used:.2f} % of a core')
finally:
    group.stop()
