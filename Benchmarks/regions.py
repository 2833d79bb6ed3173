#!/usr/bin/env python3
"""How long no block is committed when the active region is switched with `prodha failover`.

Two regions of three peers on loopback, and a client that commits block after block, as fast as it can, at whichever peer
produces. Planned: the longest gap between two blocks while the command runs. Forced: the peers of the active region stand
still (SIGSTOP); from the command's start, which is its confirmation, to the first block; then they go on (SIGCONT): how long
until the last of them is standby.
"""
import argparse
import http.client
import json
import signal
import statistics
import subprocess
import threading
import time

from cluster import Block, Group, Submitter

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--prodha', required=True)
parser.add_argument('--rounds', type=int, default=20)
parser.add_argument('--forced', type=int, default=5, help='rounds of forced switches')
parser.add_argument('--json', action='store_true')
options = parser.parse_args()

regions = {name: Group(options.prodha, start=False) for name in ('east', 'west')}
listed = [{'name': name, 'peers': [{'id': i, 'api': f'127.0.0.1:{group.api[i]}'} for i in group.ids]}
          for name, group in regions.items()]
for name, group in regions.items():
    group.configuration |= {'region': name, 'regions': listed, 'is_active_raft_cluster': name == 'east'}
    group.start_all()


class Committer(threading.Thread):
    """Hands in the next block at whichever peer takes it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.head, self.slot = bytes([0, 0, 0, 1]) + bytes(28), 1_000_000
        self.times, self.ended, self.submitter = [], False, Submitter(timeout=0.1)
        self.places = [(name, i) for name, group in regions.items() for i in group.ids]
        self.target = 0

    def run(self):
        block = None
        while not self.ended:
            if block is None:
                self.slot += 1
                block = Block(self.head, self.slot)
            place = self.places[self.target]
            try:
                status, answer = self.submitter.post(regions[place[0]].api[place[1]], block)
            except (OSError, http.client.HTTPException, ValueError):
                status, answer = 0, None
            if status == 200:
                self.head, block = block.id, None
                self.times.append(time.monotonic())
                continue
            reason = answer['error']['name'] if answer else None
            if reason in ('unlinkable', 'conflicts_with_head', 'stale'):
                # After a forced switch the chain goes on from another block.
                head = (regions[place[0]].get(place[1], '/v1/prodha/status') or {}).get('production', {}).get('head')
                if head and reason != 'stale':
                    self.head, block = bytes.fromhex(head['block_id']), None
                    continue
            self.target = (self.target + 1) % len(self.places)
            time.sleep(0.0005)

    def since(self, start):
        """The longest gap between blocks from then on, and the time to the first, in ms."""
        times = [t for t in self.times if t >= start]
        before = [t for t in self.times if t < start][-1:]
        line = before + times
        return max(b - a for a, b in zip(line, line[1:])) * 1000, (times[0] - start) * 1000


def failover(to, *more):
    done = subprocess.run([options.prodha, 'failover', '--region', to, '--confirm', to, '--config', regions[to].file,
                           '-o', 'json', *more], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f'failover ended with {done.returncode}: {done.stdout[-2000:]} {done.stderr[-2000:]}')


def until(condition, what, within=30.0):
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError('not in time: ' + what)
        time.sleep(0.002)


def state(name, peer):
    return (regions[name].get(peer, '/v1/prodha/region', timeout=0.5) or {}).get('state')


def advance(client, count=50):
    goal = len(client.times) + count
    until(lambda: len(client.times) >= goal, 'blocks')


planned, forced, fenced = [], [], []
client = Committer()
try:
    for group in regions.values():
        group.wait_until_all_follow()
    client.start()
    advance(client)
    active, standby = 'east', 'west'
    for _ in range(options.rounds):
        time.sleep(0.5)
        start = time.monotonic()
        failover(standby)
        advance(client)
        planned.append(client.since(start)[0])
        active, standby = standby, active
        if not options.json:
            print(f'planned, to {active}: {planned[-1]:.0f} ms', flush=True)
    for _ in range(options.forced):
        # Heard of by the other region, and its last block with it.
        time.sleep(2.5)
        for peer in regions[active].ids:
            regions[active].signal(peer, signal.SIGSTOP)
        time.sleep(4)
        start = time.monotonic()
        failover(standby, '--force', '--accept-loss', '--timeout', '500ms')
        advance(client)
        forced.append(client.since(start)[1])
        contact = time.monotonic()
        for peer in regions[active].ids:
            regions[active].signal(peer, signal.SIGCONT)
        until(lambda: all(state(active, i) == 'standby' for i in regions[active].ids), 'the fence')
        fenced.append((time.monotonic() - contact) * 1000)
        regions[active].wait_until_all_follow()
        if not options.json:
            print(f'forced, to {standby}: {forced[-1]:.0f} ms; {active} gave way after {fenced[-1]:.0f} ms', flush=True)
        active, standby = standby, active
finally:
    client.ended = True
    for group in regions.values():
        for peer in group.ids:
            group.signal(peer, signal.SIGCONT)
        group.stop()

summary = {name: {'rounds': len(values), 'median_ms': round(statistics.median(values)), 'min_ms': round(min(values)),
                  'max_ms': round(max(values))}
           for name, values in (('planned', planned), ('forced', forced), ('fenced', fenced)) if values}
if options.json:
    print(json.dumps(summary))
else:
    for name, s in summary.items():
        print(f"{name}: {s['rounds']} rounds, median {s['median_ms']} ms, {s['min_ms']} to {s['max_ms']} ms")
