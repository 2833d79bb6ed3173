#!/usr/bin/env python3
"""What prodha adds to a transaction's way, and how many transactions a second go through one peer.

Three real nodeos, each behind its prodha, and one nodeos alone, for comparison. Latency: a transaction at a time is
handed to a nodeos and to the peers in turn. `executed` is until nodeos has it in the block that it makes; `commit` is
the time from when a client that waits for the block on the same peer is told of it to when the client of the transaction
is. What prodha adds is the sum of the first, less nodeos alone, and the second. Throughput: transactions at a fixed rate,
whether or not the earlier ones are answered.
"""
import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

import antelope

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = os.path.join(HERE, '..', 'Tests', 'Nodeos')


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(('127.0.0.1', 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Connection:
    """One kept-alive HTTP connection."""

    def __init__(self, port):
        self.port, self.reader, self.writer = port, None, None

    async def call(self, method, path, body=b''):
        if not self.writer or self.writer.is_closing():
            self.reader, self.writer = await asyncio.open_connection('127.0.0.1', self.port, limit=1 << 22)
        self.writer.write((f'{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\ncontent-type: application/json\r\n'
                           f'content-length: {len(body)}\r\n\r\n').encode() + body)
        head = (await self.reader.readuntil(b'\r\n\r\n')).decode().lower()
        length = int(head.split('content-length:')[1].split('\r\n')[0])
        answer = await self.reader.readexactly(length)
        if 'connection: close' in head:
            self.close()
        return int(head.split(' ', 2)[1]), answer

    def close(self):
        if self.writer:
            self.writer.close()
        self.writer = None


class Place:
    """All processes and their files."""

    def __init__(self, prodha, nodeos):
        self.prodha, self.nodeos = prodha, nodeos
        self.directory = tempfile.mkdtemp(prefix='prodha-bench-')
        self.processes = []
        ports = free_ports(20)
        self.alone, alone_p2p = ports[18:]
        self.peers = [dict(zip(('raft', 'api', 'signer', 'gate', 'http', 'p2p'), ports[6 * i:6 * i + 6]))
                      for i in range(3)]
        self.start_nodeos('alone', self.alone, alone_p2p, f'KEY:{antelope.PRIVATE}')
        for i, peer in enumerate(self.peers):
            self.start_nodeos(f'nodeos-{i}', peer['http'], peer['p2p'],
                              f"KEOSD:http://127.0.0.1:{peer['signer']}/v1/wallet/sign_digest")
        for i, peer in enumerate(self.peers):
            self.start_prodha(i, peer)

    def start_nodeos(self, label, http, p2p, signing):
        directory = os.path.join(self.directory, label)
        os.makedirs(directory)
        for file in ('config.ini', 'genesis.json'):
            shutil.copy(os.path.join(FILES, file), directory)
        self.start(label, [
            self.nodeos, '--config-dir', directory, '--data-dir', directory + '/data', '--genesis-json',
            directory + '/genesis.json', '--http-server-address', f'127.0.0.1:{http}', '--p2p-listen-endpoint',
            f'127.0.0.1:{p2p}', '--signature-provider', f'{antelope.PUBLIC}={signing}'])

    def start_prodha(self, i, peer):
        key = os.path.join(self.directory, f'key-{i}')
        with open(os.open(key, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as out:
            out.write(antelope.PRIVATE + '\n')
        configuration = {
            'is_active_raft_cluster': True, 'leader_election_quorum_size': 2, 'self': i + 1,
            'peers': [{'id': n + 1, 'address': f"127.0.0.1:{p['raft']}", 'api': f"127.0.0.1:{p['api']}"}
                      for n, p in enumerate(self.peers)],
            'nodeos': {
                'http': f"http://127.0.0.1:{peer['http']}",
                'p2p': {'node': f"127.0.0.1:{peer['p2p']}", 'listen': f"127.0.0.1:{peer['gate']}",
                        'peers': [f"127.0.0.1:{p['gate']}" for p in self.peers if p is not peer]},
                'signer': {'listen': f"127.0.0.1:{peer['signer']}", 'public_key': antelope.PUBLIC, 'key_file': key}}}
        file = os.path.join(self.directory, f'peer-{i}.json')
        with open(file, 'w') as out:
            json.dump(configuration, out)
        self.start(f'prodha-{i}', [self.prodha, 'run', '--config', file, '--data-dir', f'{self.directory}/data-{i}'])

    def start(self, label, command):
        log = open(os.path.join(self.directory, label + '.log'), 'ab')
        self.processes.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, 9)
            process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


async def until(what, condition, within=60):
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            value = await condition()
            if value is not None and value is not False:
                return value
        except (OSError, ValueError, KeyError, asyncio.IncompleteReadError):
            pass
        await asyncio.sleep(0.05)
    raise RuntimeError(what + ' did not come about')


async def ask(port, path, body=b'', method='POST'):
    connection = Connection(port)
    try:
        return json.loads((await connection.call(method, path, body))[1])
    finally:
        connection.close()


class Source:
    """Transactions for one chain, signed beforehand."""
    number = int(time.time()) * 100_000

    def __init__(self, port):
        self.port = port

    async def make(self, count):
        info = await ask(self.port, '/v1/chain/get_info', b'{}')
        chain, block = (bytes.fromhex(info[k]) for k in ('chain_id', 'last_irreversible_block_id'))
        made = []
        for _ in range(count):
            Source.number += 1
            made.append(antelope.new_account(chain, block, int(time.time()) + 3000, Source.number)[1])
            if len(made) % 20 == 0:
                await asyncio.sleep(0)
        return made


async def timed(connection, path, body, expected=202):
    start = time.perf_counter()
    status, answer = await connection.call('POST', path, body)
    took = time.perf_counter() - start
    if status != expected:
        raise RuntimeError(f'{status}: {answer[:300]}')
    return took, answer


async def latency(place, leader, follower, count):
    """Milliseconds, p50."""
    roads = {'nodeos alone': (place.alone, ''), 'leader': (place.peers[leader]['api'], '?wait=executed'),
             'follower': (place.peers[follower]['api'], '?wait=executed')}
    bodies = {'nodeos alone': await Source(place.alone).make(count)}
    for road in ('leader', 'follower'):
        bodies[road] = await Source(place.peers[leader]['http']).make(count)
    connections = {road: Connection(port) for road, (port, _) in roads.items()}
    executed = {road: [] for road in roads}
    for i in range(count):
        for road, (_, query) in roads.items():
            took, _ = await timed(connections[road], '/v1/chain/send_transaction' + query, bodies[road][i])
            executed[road].append(took * 1000)
            await asyncio.sleep(0.013)
    result = {'executed_' + road.replace(' ', '_'): round(statistics.median(t), 2) for road, t in executed.items()}
    for label, peer in (('leader', leader), ('follower', follower)):
        late = await commit_lateness(place, leader, peer, count // 4)
        result['commit_' + label] = round(statistics.median(late), 2)
        added = result['executed_' + label] - result['executed_nodeos_alone'] + result['commit_' + label]
        result['added_' + label] = round(added, 2)
    return result


async def commit_lateness(place, leader, peer, count):
    """Of each, in milliseconds: its client's answer, less the answer to a client that waits for the block."""
    port = place.peers[peer]['api']
    seen = {}

    async def watch():
        connection = Connection(port)
        head = (await ask(port, '/v1/prodha/status'))['production']['head']['block_num']
        while True:
            head += 1
            if (await connection.call('GET', f'/v1/prodha/wait_block?num={head}'))[0] == 200:
                seen[head] = time.perf_counter()

    watcher = asyncio.create_task(watch())
    bodies = await Source(place.peers[leader]['http']).make(count)
    late = []
    connection = Connection(port)
    for body in bodies:
        _, answer = await timed(connection, '/v1/chain/send_transaction', body)
        at, number = time.perf_counter(), json.loads(answer)['block_num']
        for _ in range(100):
            if number in seen:
                late.append((at - seen[number]) * 1000)
                break
            await asyncio.sleep(0.001)
    watcher.cancel()
    return late


async def throughput(port, bodies, rate, seconds):
    """Open loop: a transaction every 1/rate s, on a connection that is free."""
    free = [Connection(port) for _ in range(50)]
    answered, refused, times = 0, [], []

    async def one(body):
        nonlocal answered
        connection = free.pop() if free else Connection(port)
        start = time.perf_counter()
        try:
            status, answer = await connection.call('POST', '/v1/chain/send_transaction', body)
        except (OSError, asyncio.IncompleteReadError) as error:
            status, answer = 0, repr(error).encode()
            connection.close()
        if status == 202:
            answered += 1
            times.append((time.perf_counter() - start) * 1000)
        else:
            refused.append(f'{status} {answer[:300].decode()}')
        free.append(connection)

    start = time.perf_counter()
    tasks = []
    for i, body in enumerate(bodies[:rate * seconds]):
        delay = start + i / rate - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        tasks.append(asyncio.create_task(one(body)))
    await asyncio.wait(tasks, timeout=60)
    took = time.perf_counter() - start
    for connection in free:
        connection.close()
    return {'offered_per_s': rate, 'answered': answered, 'refused': len(refused),
            'first_refused': refused[0] if refused else None, 'per_s': round(answered / took), 'median_ms': round(statistics.median(times)) if times else None}


async def measure(options, place):
    async def leader():
        for i, peer in enumerate(place.peers):
            if (await ask(peer['api'], '/v1/prodha/can_produce'))['can_produce']:
                return i + 1
    await until('nodeos alone', lambda: ask(place.alone, '/v1/producer/resume', b'{}'))
    led = await until('a leader', leader) - 1
    follower = (led + 1) % 3

    async def goes_on(port):
        return (await ask(port, '/v1/chain/get_info', b'{}'))['head_block_num'] > 5
    for port in (place.alone, place.peers[led]['http']):
        await until('blocks', lambda port=port: goes_on(port))
    result = {'latency_ms': await latency(place, led, follower, options.count), 'throughput': {}}
    for rate in options.rates:
        for label, port, source in (('nodeos_alone', place.alone, place.alone),
                                    ('leader', place.peers[led]['api'], place.peers[led]['http']),
                                    ('follower', place.peers[follower]['api'], place.peers[led]['http'])):
            bodies = await Source(source).make(rate * options.seconds)
            result['throughput'].setdefault(label, []).append(
                await throughput(port, bodies, rate, options.seconds))
    return result


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('--prodha', required=True)
parser.add_argument('--nodeos', required=True, help='what Tests/Nodeos/get-nodeos prints')
parser.add_argument('--count', type=int, default=200, help='transactions for each latency')
parser.add_argument('--rates', type=int, nargs='*', default=[250, 500], help='transactions per second')
parser.add_argument('--seconds', type=int, default=10, help='of each rate')
options = parser.parse_args()
place = Place(options.prodha, options.nodeos)
try:
    print(json.dumps(asyncio.run(measure(options, place)), indent=1))
finally:
    place.stop()
