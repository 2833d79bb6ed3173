#!/usr/bin/env python3
"""How long no block is committed when the leader is killed (kill -9) or told to end (SIGTERM).

A client commits block after block, as fast as it can. Prints the gap between the last block that was committed before
and the first one after, for each round, and the median.
"""
import argparse
import json
import signal
import statistics
import time

from cluster import Client, Group

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--prodha', required=True)
parser.add_argument('--rounds', type=int, default=30)
parser.add_argument('--signal', choices=['KILL', 'TERM'], default='KILL')
parser.add_argument('--size', type=int, default=256, help='bytes of a block')
parser.add_argument('--json', action='store_true')
options = parser.parse_args()

group = Group(options.prodha)
gaps, unacknowledged = [], 0
try:
    client = Client(group, options.size)
    client.commit()
    for round_number in range(options.rounds):
        group.wait_until_all_follow()
        leader = group.producer()
        end = time.monotonic() + 1
        while time.monotonic() < end:
            client.commit()
        last = time.monotonic()
        group.signal(leader, getattr(signal, 'SIG' + options.signal))
        longest = 0.0
        # With SIGTERM some blocks are still committed by the old leader: the longest gap is what counts.
        while group.processes[leader].poll() is None or longest < 0.0001 or client.target == leader:
            if client.try_once():
                longest = max(longest, time.monotonic() - last)
                last = time.monotonic()
        for _ in range(20):
            client.commit()
            longest = max(longest, time.monotonic() - last)
            last = time.monotonic()
        gaps.append(longest * 1000)
        group.processes[leader].wait()
        group.start(leader)
        if not options.json:
            print(f'round {round_number + 1}: {gaps[-1]:.0f} ms', flush=True)
finally:
    group.stop()
summary = {'signal': options.signal, 'rounds': len(gaps), 'median_ms': round(statistics.median(gaps), 1),
           'min_ms': round(min(gaps), 1), 'max_ms': round(max(gaps), 1)}
print(json.dumps(summary) if options.json else
      f"SIG{options.signal}: {summary['rounds']} rounds, median {summary['median_ms']} ms, "
      f"{summary['min_ms']} to {summary['max_ms']} ms")
