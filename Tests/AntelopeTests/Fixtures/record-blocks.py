#!/usr/bin/env python3
"""Records real blocks and a piece of a real p2p stream from a fresh nodeos, for the tests of the chain's formats.

    record-blocks.py NODEOS_BIN_DIR OUT_DIR [--blocks 300] [--http-port 18100] [--p2p-port 18101]

Starts NODEOS_BIN_DIR/nodeos on loopback as the one producer of a new chain in a temporary directory and makes it write
every shape of block that an operator's chain has: newaccount transactions plain and zlib-compressed, a context-free
action, a delayed transaction (its receipt and, later, the receipt that names it by id alone), new producers in the
legacy header field, protocol features and a new schedule in header extensions. The packed bytes come over p2p, since
HTTP answers in JSON; what the node itself says about each block comes from /v1/chain/get_block.

Needs Python 3.10 or later and the package coincurve. Takes about three minutes.
"""
import argparse, hashlib, json, os, shutil, signal, socket, struct, subprocess, sys, tempfile, time, urllib.error
import urllib.request, zlib
from datetime import datetime, timezone
import coincurve
from coincurve._libsecp256k1 import ffi

# The development key pair that every EOSIO manual prints; never used for anything of value.
WIF = '5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3'
PUBLIC = 'EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV'
BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
PREACTIVATE_FEATURE = '0ec7e080177b2c02b278d5088611686b49d739925a92d9bfcacd7fc6b74053bd'
WTMSIG_BLOCK_SIGNATURES = '299dcb6af692324b899b39f16d5a530a33062804e41f09dc97e9f156b4476707'
GENESIS = {
    'initial_timestamp': '2024-01-01T00:00:00.000', 'initial_key': PUBLIC,
    'initial_configuration': {
        'max_block_net_usage': 1048576, 'target_block_net_usage_pct': 1000, 'max_transaction_net_usage': 524288,
        'base_per_transaction_net_usage': 12, 'net_usage_leeway': 500, 'context_free_discount_net_usage_num': 20,
        'context_free_discount_net_usage_den': 100, 'max_block_cpu_usage': 200000,
        'target_block_cpu_usage_pct': 1000, 'max_transaction_cpu_usage': 150000, 'min_transaction_cpu_usage': 100,
        'max_transaction_lifetime': 3600, 'deferred_trx_expiration_window': 600, 'max_transaction_delay': 3888000,
        'max_inline_action_size': 4096, 'max_inline_action_depth': 4, 'max_authority_depth': 6}}


# ---- formats -------------------------------------------------------------------------------------------------------

def base58_integer(text):
    number = 0
    for letter in text:
        number = number * 58 + BASE58.index(letter)
    return number


def base58(data):
    number, text = int.from_bytes(data, 'big'), ''
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return text


KEY = coincurve.PrivateKey(base58_integer(WIF).to_bytes(37, 'big')[1:33])
KEY_BYTES = KEY.public_key.format()


def sign(digest):
    """'SIG_K1_...' over a digest; tries nonces until neither half starts with a set bit, as the chain demands."""
    for attempt in range(256):
        nonce = (ffi.NULL, ffi.NULL)
        if attempt:
            seed = ffi.new('unsigned char[32]', attempt.to_bytes(32, 'big'))
            nonce = (ffi.NULL, seed)
        raw = KEY.sign_recoverable(digest, hasher=None, custom_nonce=nonce)
        if all(not half[0] & 0x80 and (half[0] or half[1] & 0x80) for half in (raw[:32], raw[32:64])):
            data = bytes([31 + raw[64]]) + raw[:64]
            return 'SIG_K1_' + base58(data + hashlib.new('ripemd160', data + b'K1').digest()[:4])
    raise RuntimeError('no canonical signature in 256 tries')


def varuint(value):
    out = bytearray()
    while True:
        out.append(value & 0x7f | (0x80 if value > 0x7f else 0))
        value >>= 7
        if not value:
            return bytes(out)


def counted(data):
    return varuint(len(data)) + data


def name_value(text):
    alphabet = '.12345abcdefghijklmnopqrstuvwxyz'
    value = 0
    for i, letter in enumerate(text):
        value |= alphabet.index(letter) << (59 - 5 * i)
    return value


def name(text):
    return struct.pack('<Q', name_value(text))


def action(what, data, authorised=True):
    who = b'\1' + name('eosio') + name('active') if authorised else b'\0'
    return name('eosio') + name(what) + who + counted(data)


def transaction(info, actions, free_actions=(), free_data=(), delay_s=0, compress=False):
    """A signed transaction as push_transaction takes it."""
    head_time = datetime.fromisoformat(info['head_block_time']).replace(tzinfo=timezone.utc)
    anchor = bytes.fromhex(info['last_irreversible_block_id'])
    packed = struct.pack('<I', int(head_time.timestamp()) + 60) + anchor[3:1:-1] + anchor[8:12]
    packed += b'\0\0' + varuint(delay_s)
    packed += varuint(len(free_actions)) + b''.join(free_actions) + varuint(len(actions)) + b''.join(actions) + b'\0'
    free = varuint(len(free_data)) + b''.join(map(counted, free_data)) if free_data else b''
    free_digest = hashlib.sha256(free).digest() if free else bytes(32)
    signature = sign(hashlib.sha256(bytes.fromhex(info['chain_id']) + packed + free_digest).digest())
    squeeze = zlib.compress if compress else bytes
    return {'signatures': [signature], 'compression': 'zlib' if compress else 'none',
            'packed_context_free_data': squeeze(free).hex() if free else '', 'packed_trx': squeeze(packed).hex()}


def new_account(account):
    authority = struct.pack('<I', 1) + b'\1\0' + KEY_BYTES + struct.pack('<H', 1) + b'\0\0'
    return action('newaccount', name('eosio') + name(account) + authority + authority)


def producers(*names):
    return varuint(len(names)) + b''.join(name(each) + b'\0' + KEY_BYTES for each in names)


def contract(schedules):
    """A WebAssembly module whose apply() sets the schedule that the action's name picks, or pre-activates a feature."""
    def leb(value):                                    # signed LEB128
        out = bytearray()
        while True:
            byte, value = value & 0x7f, value >> 7
            done = value == (-1 if byte & 0x40 else 0)
            out.append(byte if done else byte | 0x80)
            if done:
                return bytes(out)

    def section(kind, *items):
        return bytes([kind]) + counted(varuint(len(items)) + b''.join(items))

    def when(what, body):                              # if (action == what) { body }
        value = name_value(what)
        return b'\x20\2\x42' + leb(value - (1 << 64) if value >> 63 else value) + b'\x51\x04\x40' + body + b'\x0b'

    memory, code = b'', b''
    for what, packed in schedules.items():             # call set_proposed_producers(address, length), drop the answer
        code += when(what, b'\x41' + leb(len(memory)) + b'\x41' + leb(len(packed)) + b'\x10\0\x1a')
        memory += packed
    code += when('preactivate', b'\x41' + leb(len(memory)) + b'\x10\1')
    memory += bytes.fromhex(WTMSIG_BLOCK_SIGNATURES)
    i32, i64 = b'\x7f', b'\x7e'
    types = section(1, b'\x60\3' + i64 * 3 + b'\0', b'\x60\2' + i32 * 2 + b'\1' + i64, b'\x60\1' + i32 + b'\0')
    imports = section(2, counted(b'env') + counted(b'set_proposed_producers') + b'\0\1',
                      counted(b'env') + counted(b'preactivate_feature') + b'\0\2')
    return (b'\0asm\1\0\0\0' + types + imports + section(3, b'\0') + section(5, b'\0\1')
            + section(7, counted(b'apply') + b'\0\2', counted(b'memory') + b'\2\0')
            + section(10, counted(b'\0' + code + b'\x0b')) + section(11, b'\0\x41\0\x0b' + counted(memory)))


# ---- the node ------------------------------------------------------------------------------------------------------

class Node:
    def __init__(self, bin_dir, directory, http_port, p2p_port):
        self.http, self.p2p = f'http://127.0.0.1:{http_port}', ('127.0.0.1', p2p_port)
        genesis = os.path.join(directory, 'genesis.json')
        with open(genesis, 'w') as file:
            json.dump(GENESIS, file)
        plugins = ('chain_api', 'producer', 'producer_api', 'net', 'net_api')
        with open(os.path.join(directory, 'config.ini'), 'w') as file:
            file.write(''.join(f'plugin = eosio::{each}_plugin\n' for each in plugins))
            file.write(f'http-server-address = 127.0.0.1:{http_port}\np2p-listen-endpoint = 127.0.0.1:{p2p_port}\n'
                       'p2p-max-nodes-per-host = 10\nproducer-name = eosio\nproducer-name = prodtwo\n'
                       f'enable-stale-production = true\nsignature-provider = {PUBLIC}=KEY:{WIF}\n'
                       'chain-state-db-size-mb = 256\nchain-state-db-guard-size-mb = 32\n'
                       'resource-monitor-not-shutdown-on-threshold-exceeded = true\nhttp-max-response-time-ms = 1000\n')
        self.log = open(os.path.join(directory, 'nodeos.log'), 'w')
        self.process = subprocess.Popen(
            [os.path.join(bin_dir, 'nodeos'), '--config-dir', directory, '--data-dir', os.path.join(directory, 'data'),
             '--genesis-json', genesis], stdout=self.log, stderr=self.log, start_new_session=True)

    def post(self, path, body=None):
        data = json.dumps({} if body is None else body).encode()
        try:
            with urllib.request.urlopen(self.http + path, data=data, timeout=5) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f'{path}: {error.read().decode()[:600]}') from None

    def info(self):
        return self.post('/v1/chain/get_info')

    def push(self, *actions, **options):
        return self.post('/v1/chain/push_transaction', transaction(self.info(), actions, **options))

    def wait_ready(self):
        for _ in range(100):
            try:
                return self.info()
            except (OSError, RuntimeError):
                time.sleep(0.2)
        raise RuntimeError('nodeos did not start; see its log')

    def wait_for(self, number):
        while self.info()['head_block_num'] < number:
            time.sleep(0.1)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()


class Link:
    """A p2p connection that keeps every byte nodeos sends."""

    def __init__(self, node, caught_up):
        info = node.info()
        self.raw, self.at = bytearray(), 0
        self.socket = socket.create_connection(node.p2p, timeout=10)
        lib = (info['last_irreversible_block_num'], info['last_irreversible_block_id'])
        head = (info['head_block_num'], info['head_block_id'])
        if not caught_up:
            lib = head = (0, '00' * 32)
        where = b''.join(struct.pack('<I', num) + bytes.fromhex(block_id) for num, block_id in (lib, head))
        self.send(0, struct.pack('<H', 1205 + 7) + bytes.fromhex(info['chain_id']) + os.urandom(32) + bytes(34)
                  + struct.pack('<q', time.time_ns()) + bytes(32) + bytes(66) + counted(b'127.0.0.1:1 - record') + where
                  + counted(b'linux') + counted(b'record-blocks') + struct.pack('<h', 1))

    def send(self, kind, body):
        self.socket.sendall(struct.pack('<I', len(body) + 1) + bytes([kind]) + body)

    def need(self, count):
        while len(self.raw) < self.at + count:
            piece = self.socket.recv(65536)
            if not piece:
                raise RuntimeError('nodeos closed the link')
            self.raw += piece

    def frame(self):
        self.need(4)
        length = struct.unpack_from('<I', self.raw, self.at)[0]
        self.need(4 + length)
        body = bytes(self.raw[self.at + 4:self.at + 4 + length])
        self.at += 4 + length
        return body[0], body[1:]


# ---- the recording -------------------------------------------------------------------------------------------------

def account(number):
    letters = 'abcdefghijklmnopqrstuvwxyz12345'
    return 'rec.' + letters[number // 961 % 31] + letters[number // 31 % 31] + letters[number % 31]


def traffic(node, last):
    """Makes the chain interesting until block `last`: one to two transactions a second, and the special ones."""
    node.push(new_account('prodtwo'))
    node.post('/v1/producer/schedule_protocol_feature_activations',
              {'protocol_features_to_activate': [PREACTIVATE_FEATURE]})
    start = node.info()['head_block_num']
    code = contract({'setone': producers('eosio', 'prodtwo'), 'settwo': producers('prodtwo', 'eosio')})
    steps = {start + 3: lambda: node.push(action('setcode', name('eosio') + b'\0\0' + counted(code))),
             start + 6: lambda: node.push(action('setone', b'')),
             start + 70: lambda: node.push(action('preactivate', b'')),
             start + 80: lambda: node.push(action('settwo', b''))}
    number = 0
    while (head := node.info()['head_block_num']) < last:
        for due in sorted(step for step in steps if step <= head):
            steps.pop(due)()
        number += 1
        one = new_account(account(number))
        if number % 10 == 3:
            node.push(one, compress=True)
        elif number % 10 == 6:
            node.push(one, delay_s=2)
        elif number % 10 == 9 and start + 4 < head:
            node.push(one, free_actions=[action('nothing', os.urandom(8), authorised=False)], free_data=[b'free'])
        else:
            node.push(one)
        time.sleep(0.1 if number % 4 == 0 else 0.6)


def record_stream(node, path, blocks=12):
    """What nodeos says to a peer that is caught up: handshake, time, transactions, blocks; then a few synced blocks."""
    link, seen, kinds = Link(node, caught_up=True), 0, []
    link.send(3, struct.pack('<qqqq', 0, 0, time.time_ns(), 0))
    number = 0
    while seen < blocks:
        kind, _ = link.frame()
        kinds.append(kind)
        if kind == 7:
            seen += 1
            number += 1
            node.push(new_account('p2p.' + account(number)[4:]))
            if seen == blocks // 2:
                head = node.info()['last_irreversible_block_num']
                link.send(6, struct.pack('<II', head - 3, head))
    link.socket.close()
    # A second link, from a peer that has nothing: its answer is a notice that it is to catch up.
    lagging = Link(node, caught_up=False)
    while kinds[-1] != 4:
        kinds.append(lagging.frame()[0])
    lagging.socket.close()
    with open(path, 'wb') as file:
        file.write(link.raw[:link.at] + lagging.raw[:lagging.at])
    print('p2p stream:', kinds, os.path.getsize(path), 'bytes')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('bin_dir')
    parser.add_argument('out_dir')
    parser.add_argument('--blocks', type=int, default=300)
    parser.add_argument('--http-port', type=int, default=18100)
    parser.add_argument('--p2p-port', type=int, default=18101)
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix='record-blocks-')
    node = Node(options.bin_dir, directory, options.http_port, options.p2p_port)
    first, last = 2, options.blocks + 1
    try:
        print(node.wait_ready()['server_version_string'])
        traffic(node, last)
        record_stream(node, os.path.join(options.out_dir, 'nodeos-p2p.bin'))
        while node.info()['last_irreversible_block_num'] < last:
            time.sleep(0.2)
        link = Link(node, caught_up=False)
        link.send(6, struct.pack('<II', first, last))
        blocks = []
        while len(blocks) < options.blocks:
            kind, body = link.frame()
            if kind == 7:
                blocks.append(body)
        link.socket.close()
        with open(os.path.join(options.out_dir, 'nodeos-blocks.bin'), 'wb') as file:
            file.write(b''.join(struct.pack('<I', len(each)) + each for each in blocks))
        with open(os.path.join(options.out_dir, 'nodeos-blocks.tsv'), 'w') as file:
            file.write('num\tid\tprevious\tproducer\ttimestamp\tstatuses\ttransactions\n')
            for number in range(first, last + 1):
                block = node.post('/v1/chain/get_block', {'block_num_or_id': str(number)})
                receipts = block['transactions']
                ids = [each['trx'] if isinstance(each['trx'], str) else each['trx']['id'] for each in receipts]
                columns = [str(number), block['id'], block['previous'], block['producer'], block['timestamp'],
                           ','.join(each['status'] for each in receipts), ','.join(ids)]
                file.write('\t'.join(columns) + '\n')
        print(len(blocks), 'blocks,', sum(map(len, blocks)), 'bytes')
    except BaseException:
        shutil.copy(os.path.join(directory, 'nodeos.log'), os.path.join(options.out_dir, 'nodeos-failed.log'))
        raise
    finally:
        node.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
