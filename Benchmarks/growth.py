#!/usr/bin/env python3
# Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
"""What a commit costs as something grows: the log, the peers, the block, the readers of events, the clients.

One line for each size of each: median and 99th percentile of a block after the other, commits a second of many clients, and
for the log how long a follower takes to recover. Each line is a run of `prodha bench` of its own with the floor measured in
it: compare what stands behind p50/floor.
"""
import argparse
import json
import subprocess

GROWTH = {
    'log': [('--entries', n, '--only', 'floor,commits,recovery') for n in (1000, 10_000, 100_000, 1_000_000)],
    'peers': [('--peers', n) for n in (3, 5, 7, 9)],
    'block': [('--sizes', n) for n in (256, 4096, 65_536, 1_048_576)],
    'readers': [('--readers', n) for n in (0, 8, 32, 60)],
    'clients': [('--clients', n) for n in (2, 8, 64, 256)],
}
USUAL = {'--only': 'floor,commits', '--entries': 0, '--sizes': 256, '--rounds': 2, '--clients': 64}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('--prodha', required=True)
parser.add_argument('--seconds', type=float, default=3, help='of one turn')
parser.add_argument('--longest-log', type=int, default=1_000_000, help='up to 10000000, which takes its time')
parser.add_argument('what', nargs='*', choices=[[], *GROWTH], help='all unless told')
options = parser.parse_args()

if options.longest_log > 1_000_000:
    GROWTH['log'].append(('--entries', options.longest_log, '--only', 'floor,commits,recovery'))
print(f'{"":20}{"p50 us":>9}{"p50/floor":>11}{"p99 us":>9}{"per s":>9}{"recovery ms":>13}')
for name in options.what or GROWTH:
    for change in GROWTH[name]:
        if name == 'log' and change[1] > options.longest_log:
            continue
        settings = {**USUAL, **dict(zip(change[::2], change[1::2]))}
        words = [str(word) for pair in settings.items() for word in pair]
        done = subprocess.run([options.prodha, 'bench', '--output', 'json', '--seconds', str(options.seconds), *words],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        result = json.loads(done.stdout)
        group, floor = result['groups'][0], result['floor']['commit_us']
        alone, together = group['commits'][0], group['commits'][-1]
        recovery = group['recovery_ms']['median'] if group.get('recovery_ms') else ''
        print(f'{name + " " + str(change[1]):20}{alone["latency_us"]["p50"]:9.0f}{alone["latency_us"]["p50"] / floor:11.2f}'
              f'{alone["latency_us"]["p99"]:9.0f}{together["per_second"]:9.0f}{recovery:>13}', flush=True)
