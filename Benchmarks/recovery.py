#!/usr/bin/env python3
"""Commits many blocks, then restarts the peers: time from start to serving, and the size of the data."""
import argparse
import os
import signal
import time

from cluster import Client, Group

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument('--prodha', required=True)
parser.add_argument('--blocks', type=int, default=100_000)
parser.add_argument('--size', type=int, default=256)
options = parser.parse_args()

group = Group(options.prodha)
try:
    client = Client(group, options.size)
    start = time.monotonic()
    for number in range(options.blocks):
        client.commit()
        if number % 10_000 == 9_999:
            size = sum(os.path.getsize(os.path.join(group.directory, '1', f))
                       for f in os.listdir(os.path.join(group.directory, '1')))
            print(f'{number + 1} blocks, {(time.monotonic() - start) / (number + 1) * 1e6:.0f} us each, '
                  f'{size / 1e6:.1f} MB on disk', flush=True)
    group.wait_until_all_follow()
    head = group.get(1, '/v1/producer_ha/get_info')['last_committed_block_num']
    for how in (signal.SIGTERM, signal.SIGKILL):
        for peer in group.ids:
            group.signal(peer, how)
        for peer in group.ids:
            group.processes[peer].wait()
        start = time.monotonic()
        for peer in group.ids:
            group.start(peer)
        served = {}
        while len(served) < len(group.ids):
            for peer in group.ids:
                if peer not in served and group.get(peer, '/v1/producer_ha/get_info'):
                    served[peer] = time.monotonic() - start
        producer = group.producer()
        assert group.get(producer, '/v1/producer_ha/get_info')['last_committed_block_num'] == head
        print(f'restart after SIG{how.name[3:]}: serving after '
              + ', '.join(f'{1000 * t:.0f}' for t in served.values())
              + f' ms, producing after {1000 * (time.monotonic() - start):.0f} ms')
finally:
    group.stop()
