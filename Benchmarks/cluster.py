"""A group of real peers on loopback, and a client that commits blocks, for the benchmarks."""
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time


class Block:
    """A packed signed_block without transactions (Leap, block_header.hpp and block.hpp)."""

    def __init__(self, previous, slot, size=0):
        number = struct.unpack('>I', previous[:4])[0] + 1
        header = struct.pack('<IQH', slot, 0x5530EA0000000000, 0) + previous + bytes(64) + struct.pack('<I', 0) + b'\0\0'
        digest = hashlib.sha256(header).digest()
        self.number = number
        self.id = struct.pack('>I', number) + digest[4:]
        # An extension of the block pads it: count 1, type, length, data.
        padding = max(size - len(header) - 68, 0)
        if padding:
            length, varint = padding, b''
            while True:
                varint += bytes([length & 127 | (128 if length > 127 else 0)])
                length >>= 7
                if not length:
                    break
            extensions = b'\1' + struct.pack('<H', 9) + varint + bytes(padding)
        else:
            extensions = b'\0'
        self.data = header + bytes(66) + b'\0' + extensions


class Group:
    """`count` peers, each a process with a directory of its own."""

    def __init__(self, prodha, count=3, quorum=None, settings=None, start=True):
        self.prodha = prodha
        self.directory = tempfile.mkdtemp(prefix='prodha-bench-')
        sockets = [socket.socket() for _ in range(2 * count)]
        for s in sockets:
            s.bind(('127.0.0.1', 0))
        ports = [s.getsockname()[1] for s in sockets]
        for s in sockets:
            s.close()
        self.ids = list(range(1, count + 1))
        self.api = {i: ports[2 * i - 1] for i in self.ids}
        self.configuration = {
            'is_active_raft_cluster': True, 'leader_election_quorum_size': quorum or count // 2 + 1,
            'peers': [{'id': i, 'address': f'127.0.0.1:{ports[2 * i - 2]}', 'api': f'127.0.0.1:{self.api[i]}'}
                      for i in self.ids], **(settings or {})}
        self.file = os.path.join(self.directory, 'group.json')
        self.processes = {}
        if start:
            self.start_all()

    def start_all(self):
        with open(self.file, 'w') as out:
            json.dump(self.configuration, out)
        for i in self.ids:
            self.start(i)

    def start(self, peer):
        log = open(os.path.join(self.directory, f'{peer}.log'), 'ab')
        self.processes[peer] = subprocess.Popen(
            [self.prodha, 'run', '--config', self.file, '--self', str(peer), '--data-dir',
             os.path.join(self.directory, str(peer))], stderr=log, stdout=log)

    def signal(self, peer, number):
        self.processes[peer].send_signal(number)

    def kill(self, peer):
        self.signal(peer, signal.SIGKILL)
        self.processes[peer].wait()

    def get(self, peer, path, timeout=1.0):
        connection = http.client.HTTPConnection('127.0.0.1', self.api[peer], timeout=timeout)
        try:
            connection.request('GET', path)
            return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def producer(self, within=15.0):
        """The peer that may produce, as soon as there is one."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            for i in self.ids:
                if self.processes[i].poll() is None and (self.get(i, '/v1/prodha/can_produce') or {}).get('can_produce'):
                    return i
            time.sleep(0.005)
        raise RuntimeError('no peer may produce; see ' + self.directory)

    def wait_until_all_follow(self, within=15.0):
        end = time.monotonic() + within
        while time.monotonic() < end:
            seen = [self.get(i, '/v1/prodha/status') for i in self.ids]
            if all(seen) and len({s['raft']['leader_id'] for s in seen}) == 1 and seen[0]['raft']['leader_id'] > 0 \
                    and len({s['raft']['commit_index'] for s in seen}) == 1:
                return
            time.sleep(0.01)
        raise RuntimeError('the peers do not agree; see ' + self.directory)

    def stop(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Submitter:
    """Hands blocks in over connections that it keeps."""

    def __init__(self, timeout):
        self.timeout = timeout
        self.connections = {}

    def post(self, port, block):
        connection = self.connections.get(port)
        if connection is None:
            connection = http.client.HTTPConnection('127.0.0.1', port, timeout=self.timeout)
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections[port] = connection
        try:
            connection.request('POST', '/v1/prodha/commit_block', body=block.data,
                               headers={'content-type': 'application/octet-stream'})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except Exception:
            self.connections.pop(port).close()
            raise


class Client:
    """Commits a chain of blocks, one after the other, at whichever peer leads."""

    def __init__(self, group, size=0):
        self.group = group
        self.size = size
        self.head = struct.pack('>I', 1) + bytes(28)
        self.slot = 1_000_000
        self.submitter = Submitter(timeout=0.25)
        self.target = group.ids[0]
        self.next = None

    def try_once(self):
        """Hands the next block in once. True when it is committed."""
        if self.next is None:
            self.slot += 1
            self.next = Block(self.head, self.slot, self.size)
        try:
            status, answer = self.submitter.post(self.group.api[self.target], self.next)
        except (OSError, http.client.HTTPException, ValueError):
            self.another()
            return False
        if status == 200:
            assert answer['block_id'] == self.next.id.hex(), answer
            self.head, self.next = self.next.id, None
            return True
        leader = answer['error']['details'].get('leader_id', -1)
        if leader > 0 and leader != self.target:
            self.target = leader
        elif answer['error']['name'] == 'not_leader':
            self.another()
            time.sleep(0.001)
        else:
            time.sleep(0.001)
        return False

    def another(self):
        ids = self.group.ids
        self.target = ids[(ids.index(self.target) + 1) % len(ids)]

    def commit(self, within=15.0):
        end = time.monotonic() + within
        while not self.try_once():
            if time.monotonic() > end:
                raise RuntimeError('nothing is committed; see ' + self.group.directory)
