"""Signed transactions for the benchmarks, with the standard library alone: EOSIO's well-known development key makes
accounts. Never use that key for anything of value."""
import hashlib
import hmac
import struct

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
     0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)
ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
PUBLIC = 'EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV'
PRIVATE = '5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3'


def base58_decode(text):
    number = 0
    for letter in text:
        number = number * 58 + ALPHABET.index(letter)
    return number.to_bytes((number.bit_length() + 7) // 8, 'big')


def base58_encode(data):
    number, text = int.from_bytes(data, 'big'), ''
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return '1' * (len(data) - len(data.lstrip(b'\0'))) + text


SECRET = int.from_bytes(base58_decode(PRIVATE)[1:33], 'big')
PUBLIC_BYTES = base58_decode(PUBLIC[3:])[:33]


def add(p, q):
    """Of two points in Jacobian coordinates; q has z = 1."""
    if p is None:
        return (q[0], q[1], 1)
    x1, y1, z1 = p
    z2 = z1 * z1 % P
    u, s = q[0] * z2 % P, q[1] * z2 * z1 % P
    h, r = (u - x1) % P, (s - y1) % P
    if not h:
        return double(p) if not r else None
    h2 = h * h % P
    h3, v = h * h2 % P, x1 * h2 % P
    x = (r * r - h3 - 2 * v) % P
    return (x, (r * (v - x) - y1 * h3) % P, z1 * h % P)


def double(p):
    x, y, z = p
    s = 4 * x * y * y % P
    m = 3 * x * x % P
    nx = (m * m - 2 * s) % P
    return (nx, (m * (s - nx) - 8 * pow(y, 4, P)) % P, 2 * y * z % P)


def affine(p):
    inverse = pow(p[2], -1, P)
    square = inverse * inverse % P
    return (p[0] * square % P, p[1] * square * inverse % P)


def make_table():
    """Multiples 1 to 255 of the base point times 256 to the power of each position."""
    table, base = [], G
    for _ in range(32):
        row, point = [None], None
        for _ in range(255):
            point = add(point, base)
            row.append(affine(point))
        table.append(row)
        base = affine(add(point, base))
    return table


TABLE = make_table()


def multiply(k):
    point = None
    for position in range(32):
        digit = k >> 8 * position & 255
        if digit:
            point = add(point, TABLE[position][digit])
    return affine(point)


def sign(digest):
    """A canonical, recoverable signature as nodeos wants it."""
    attempt = 0
    while True:
        seed = hmac.new(SECRET.to_bytes(32, 'big'), digest + bytes([attempt]), hashlib.sha256).digest()
        k = int.from_bytes(seed, 'big') % N
        attempt += 1
        x, y = multiply(k)
        r = x % N
        s = pow(k, -1, N) * (int.from_bytes(digest, 'big') + r * SECRET) % N
        odd = y & 1
        if s > N // 2:
            s, odd = N - s, odd ^ 1
        rs = r.to_bytes(32, 'big') + s.to_bytes(32, 'big')
        if x < N and not (rs[0] & 0x80 or rs[0] == 0 and not rs[1] & 0x80 or rs[32] & 0x80
                          or rs[32] == 0 and not rs[33] & 0x80):
            data = bytes([31 + odd]) + rs
            return 'SIG_K1_' + base58_encode(data + hashlib.new('ripemd160', data + b'K1').digest()[:4])


def name(text):
    value = 0
    for i, c in enumerate(text.ljust(12, '.')):
        symbol = 0 if c == '.' else ord(c) - ord('a') + 6 if c.isalpha() else ord(c) - ord('0')
        value |= symbol << (64 - 5 * (i + 1))
    return struct.pack('<Q', value)


def account(number):
    letters, text = 'abcdefghijklmnopqrstuvwxyz12345', ''
    for _ in range(10):
        number, digit = divmod(number, 31)
        text = letters[digit] + text
    return 'tx' + text


def new_account(chain_id, block_id, expiration, number):
    """Id and body of push_transaction: `eosio` makes account number `number`."""
    authority = struct.pack('<I', 1) + b'\1\0' + PUBLIC_BYTES + struct.pack('<H', 1) + b'\0\0'
    data = name('eosio') + name(account(number)) + authority + authority
    action = (name('eosio') + name('newaccount') + b'\1' + name('eosio') + name('active') + bytes([len(data)]) + data)
    packed = (struct.pack('<IHI', expiration, int.from_bytes(block_id[2:4], 'big'),
                          struct.unpack('<I', block_id[8:12])[0]) + b'\0\0\0\0\1' + action + b'\0')
    signature = sign(hashlib.sha256(chain_id + packed + bytes(32)).digest())
    body = ('{"signatures":["%s"],"compression":"none","packed_context_free_data":"","packed_trx":"%s"}'
            % (signature, packed.hex()))
    return hashlib.sha256(packed).hexdigest(), body.encode()
