// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Antelope
import Crypto
import Keys

/// EOSIO's well-known development key. It is in every manual: never use it for anything of value.
enum DevelopmentKey {
    static let publicText = "EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV"
    static let privateText = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"
}

/// A transaction with one action: `eosio` makes a new account (`transaction.hpp`, `contract_types.hpp`). Blocks with
/// different transactions have different ids: a chain of empty blocks could be made twice without anybody's notice.
struct NewAccount: Hashable, Sendable {
    /// How long a transaction stays valid, in seconds of the chain's time.
    static let lifetime: Int64 = 60

    var account: Name
    /// The transaction is valid only on chains that have this block.
    var reference: BlockID
    /// In seconds since 1970.
    var expiration: UInt32

    /// Twelve characters that differ for different numbers up to 31 to the power of 10.
    static func name(_ number: UInt64) throws -> Name {
        let letters = Array("abcdefghijklmnopqrstuvwxyz12345")
        var rest = number
        var characters: [Character] = []
        for _ in 0..<10 {
            characters.append(letters[Int(rest % 31)])
            rest /= 31
        }
        return try Name("tx" + String(characters.reversed()))
    }

    /// The packed transaction. `owner` is the new account's only key.
    func packed(owner: PublicKey) throws -> [UInt8] {
        let authority = Self.authority(owner)
        let (eosio, newaccount, active) = (try Name("eosio"), try Name("newaccount"), try Name("active"))
        var data: [UInt8] = []
        data.append(little: eosio.rawValue)
        data.append(little: account.rawValue)
        data += authority + authority

        var bytes: [UInt8] = []
        bytes.append(little: expiration)
        let id = reference.checksum.bytes
        bytes.append(little: UInt16(truncatingIfNeeded: reference.blockNumber))
        bytes += id[8..<12]
        bytes += [0, 0, 0]  // no limits, no delay
        bytes.append(0)  // no context-free actions
        bytes.append(1)  // one action
        bytes.append(little: eosio.rawValue)
        bytes.append(little: newaccount.rawValue)
        bytes.append(1)  // one authorization
        bytes.append(little: eosio.rawValue)
        bytes.append(little: active.rawValue)
        bytes.append(UInt8(data.count))  // below 128, hence one byte
        bytes += data
        bytes.append(0)  // no extensions
        return bytes
    }

    /// One key that suffices: threshold 1, weight 1, no accounts, no waits.
    private static func authority(_ key: PublicKey) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(little: UInt32(1))
        bytes.append(1)
        bytes += key.packed
        bytes.append(little: UInt16(1))
        bytes += [0, 0]
        return bytes
    }

    /// What is signed of it (`transaction.cpp`, `sig_digest`).
    static func digest(chainID: Checksum256, packed: [UInt8]) -> Checksum256 {
        var hash = SHA256()
        hash.update(data: chainID.bytes)
        hash.update(data: packed)
        hash.update(data: Checksum256.zero.bytes)  // no context-free data
        return Checksum256(Array(hash.finalize())) ?? .zero
    }
}

extension [UInt8] {
    fileprivate mutating func append(little value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
