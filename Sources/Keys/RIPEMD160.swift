// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// The hash function RIPEMD-160 (Dobbertin, Bosselaers, Preneel: "RIPEMD-160: A Strengthened Version of RIPEMD", 1996),
/// which the chain uses for the checksums in its texts. Not for anything that must withstand an attacker.
enum RIPEMD160 {
    /// The digest's size in bytes.
    static let size = 20
    private static let blockSize = 64

    /// The digest of `parts`, one after the other. Its working memory is wiped: the input may be a secret.
    static func hash(_ parts: UnsafeRawBufferPointer...) -> [UInt8] {
        withWipedMemory(byteCount: blockSize) { block in
            var state = State()
            var filled = 0
            var length: UInt64 = 0
            func append(_ byte: UInt8) {
                block[filled] = byte
                filled += 1
                if filled == blockSize {
                    state.add(UnsafeRawBufferPointer(block))
                    filled = 0
                }
            }
            for part in parts {
                length += UInt64(part.count)
                part.forEach(append)
            }
            append(0x80)
            while filled != blockSize - 8 {
                append(0)
            }
            let bits = 8 * length
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                append(UInt8(truncatingIfNeeded: bits >> shift))
            }
            return state.words.flatMap { word in
                stride(from: UInt32(0), to: 32, by: 8).map { UInt8(truncatingIfNeeded: word >> $0) }
            }
        }
    }

    static func hash(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBytes { hash($0) }
    }

    /// One of the two lines of computation: which word and which shift each step takes, and each round's constant.
    private struct Line {
        let words: [UInt8]
        let shifts: [UInt8]
        let constants: [UInt32]
        /// Which of the five functions each round takes.
        let functions: [Int]
    }

    private static let left = Line(
        words: [
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
            7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8,
            3, 10, 14, 4, 9, 15, 8, 1, 2, 7, 0, 6, 13, 11, 5, 12,
            1, 9, 11, 10, 0, 8, 12, 4, 13, 3, 7, 15, 14, 5, 6, 2,
            4, 0, 5, 9, 7, 12, 2, 10, 14, 1, 3, 8, 11, 6, 15, 13,
        ],
        shifts: [
            11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8,
            7, 6, 8, 13, 11, 9, 7, 15, 7, 12, 15, 9, 11, 7, 13, 12,
            11, 13, 6, 7, 14, 9, 13, 15, 14, 8, 13, 6, 5, 12, 7, 5,
            11, 12, 14, 15, 14, 15, 9, 8, 9, 14, 5, 6, 8, 6, 5, 12,
            9, 15, 5, 11, 6, 8, 13, 12, 5, 12, 13, 14, 11, 8, 5, 6,
        ],
        constants: [0, 0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xa953_fd4e], functions: [0, 1, 2, 3, 4])

    private static let right = Line(
        words: [
            5, 14, 7, 0, 9, 2, 11, 4, 13, 6, 15, 8, 1, 10, 3, 12,
            6, 11, 3, 7, 0, 13, 5, 10, 14, 15, 8, 12, 4, 9, 1, 2,
            15, 5, 1, 3, 7, 14, 6, 9, 11, 8, 12, 2, 10, 0, 4, 13,
            8, 6, 4, 1, 3, 11, 15, 0, 5, 12, 2, 13, 9, 7, 10, 14,
            12, 15, 10, 4, 1, 5, 8, 7, 6, 2, 13, 14, 0, 3, 9, 11,
        ],
        shifts: [
            8, 9, 9, 11, 13, 15, 15, 5, 7, 7, 8, 11, 14, 14, 12, 6,
            9, 13, 15, 7, 12, 8, 9, 11, 7, 7, 12, 7, 6, 15, 13, 11,
            9, 7, 15, 11, 8, 6, 6, 14, 12, 13, 5, 14, 13, 13, 7, 5,
            15, 5, 8, 11, 14, 14, 6, 14, 6, 9, 12, 9, 12, 5, 15, 8,
            8, 5, 12, 9, 12, 5, 14, 6, 8, 13, 6, 5, 15, 13, 11, 11,
        ],
        constants: [0x50a2_8be6, 0x5c4d_d124, 0x6d70_3ef3, 0x7a6d_76e9, 0], functions: [4, 3, 2, 1, 0])

    private struct State {
        var words: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]

        mutating func add(_ block: UnsafeRawBufferPointer) {
            let one = run(RIPEMD160.left, block)
            let other = run(RIPEMD160.right, block)
            let before = words
            for index in 0..<5 {
                let sum: UInt32 = before[(index + 1) % 5] &+ one[(index + 2) % 5]
                words[index] = sum &+ other[(index + 3) % 5]
            }
        }

        private func run(_ line: Line, _ block: UnsafeRawBufferPointer) -> [UInt32] {
            var (a, b, c, d, e) = (words[0], words[1], words[2], words[3], words[4])
            for step in 0..<80 {
                let round = step / 16
                let word = UInt32(
                    littleEndian: block.loadUnaligned(fromByteOffset: 4 * Int(line.words[step]), as: UInt32.self))
                let mixed = a &+ Self.function(line.functions[round], b, c, d) &+ word &+ line.constants[round]
                let next = Self.rotate(mixed, line.shifts[step]) &+ e
                (a, b, c, d, e) = (e, next, b, Self.rotate(c, 10), d)
            }
            return [a, b, c, d, e]
        }

        private static func function(_ number: Int, _ x: UInt32, _ y: UInt32, _ z: UInt32) -> UInt32 {
            switch number {
            case 0: x ^ y ^ z
            case 1: x & y | ~x & z
            case 2: (x | ~y) ^ z
            case 3: x & z | y & ~z
            default: x ^ (y | ~z)
            }
        }

        private static func rotate(_ word: UInt32, _ count: UInt8) -> UInt32 {
            word << UInt32(count) | word >> UInt32(32 - count)
        }
    }
}
