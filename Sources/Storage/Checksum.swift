// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Notices damage on the disk, which SQLite by itself finds in its write-ahead log only. It is no protection from anyone
/// who means to deceive. Every step maps distinct words to distinct values, so damage to one word is always noticed.
struct Checksum {
    private var state: UInt64 = 0x7072_6f64_6861_2d31

    var value: Int64 { Int64(bitPattern: state) }

    /// The checksum of a whole payload.
    static func of(_ bytes: [UInt8]) -> Int64 {
        var sum = Checksum()
        sum.add(bytes)
        return sum.value
    }

    static func of(_ values: [Int64?]) -> Int64 {
        var sum = Checksum()
        for value in values { sum.add(value) }
        return sum.value
    }

    mutating func add(_ word: UInt64) {
        state = (state ^ word) &* 0x9e37_79b9_7f4a_7c15
        state ^= state >> 32
    }

    mutating func add(_ value: Int64?) {
        add(value == nil ? 0 : 1 as UInt64)
        add(UInt64(bitPattern: value ?? 0))
    }

    mutating func add(_ bytes: [UInt8]) {
        add(UInt64(bytes.count))
        bytes.withUnsafeBytes { bytes in
            let whole = bytes.count & ~7
            for at in stride(from: 0, to: whole, by: 8) {
                add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
            }
            if whole < bytes.count { add(bytes[whole...].reversed().reduce(0) { $0 << 8 | UInt64($1) }) }
        }
    }
}
