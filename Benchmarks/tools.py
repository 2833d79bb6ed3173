#!/usr/bin/env python3
"""How long the tools take beside a live group: --version, status of six peers, of six of which two hang, and the log."""
import argparse
import os
import signal
import statistics
import subprocess
import time

from cluster import Client, Group

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--prodha', required=True)
parser.add_argument('--times', type=int, default=31)
parser.add_argument('--entries', type=int, default=100_000)
parser.add_argument('--deadline', type=int, default=500, help='of one peer, in ms')
options = parser.parse_args()


def run(*arguments, codes=(0,)):
    """Milliseconds of one command."""
    start = time.monotonic()
    done = subprocess.run([options.prodha, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    took = 1000 * (time.monotonic() - start)
    assert done.returncode in codes, done
    return took


def report(what, times, bound):
    times = sorted(times)
    print(f'{what}: median {statistics.median(times):.1f} ms, fastest {times[0]:.1f}, slowest {times[-1]:.1f} '
          f'(bound {bound:.0f})', flush=True)


group = Group(options.prodha, count=6, settings={'snapshot_distance': 10_000_000})
try:
    client = Client(group)
    client.commit()
    group.wait_until_all_follow()
    report('prodha --version', [run('--version') for _ in range(options.times)], 15)
    report('status of 6', [run('status', '--config', group.file) for _ in range(options.times)], 60)
    hanging = [i for i in group.ids if i != group.producer()][:2]
    for peer in hanging:
        group.signal(peer, signal.SIGSTOP)
    report(f'status of 6, 2 hang, deadline {options.deadline} ms',
           [run('status', '--config', group.file, '--timeout', f'{options.deadline}ms', codes=(2,)) for _ in range(9)],
           options.deadline + 100)
    for peer in hanging:
        group.signal(peer, signal.SIGCONT)
    for _ in range(options.entries):
        client.commit()
    for form in ('table', 'json'):
        start = time.monotonic()
        process = subprocess.Popen([options.prodha, 'log', '--config', group.file, '--from', '1', '-o', form],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        first = os.read(process.stdout.fileno(), 1)
        started = 1000 * (time.monotonic() - start)
        lines = 0
        while part := os.read(process.stdout.fileno(), 1 << 16):
            lines += part.count(b'\n')
        _, status, usage = os.wait4(process.pid, 0)
        assert first and status == 0 and lines >= options.entries, (first, status, lines)
        print(f'log as {form}: {lines} lines, the first after {started:.0f} ms, '
              f'all after {1000 * (time.monotonic() - start):.0f} ms, at most {usage.ru_maxrss / 1024:.1f} MB (bound 60)',
              flush=True)
finally:
    group.stop()
