// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Testing

@Suite struct NameTests {
    @Test(
        arguments: [
            ("eosio", 0x5530_ea00_0000_0000), ("a", 0x3000_0000_0000_0000), (".a", 0x0180_0000_0000_0000),
            ("zzzzzzzzzzzzj", UInt64.max), ("1", 1 << 59), ("............1", 1), ("eosio.token", 0x5530_ea03_3482_a600),
        ] as [(String, UInt64)])
    func namesHaveTheChainsValues(text: String, value: UInt64) throws {
        #expect(try Name(text).rawValue == value)
        #expect(Name(rawValue: value).description == text)
    }

    @Test func everyValueIsANameThatReadsBack() throws {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<5000 {
            // Few bits, many bits, and dots at the end.
            let value = generator.next() & generator.next() << UInt64.random(in: 0..<64, using: &generator)
            guard value != 0 else { continue }
            #expect(try Name(Name(rawValue: value).description).rawValue == value, "value \(value)")
        }
    }

    @Test func theEmptyNamePrintsAsNothing() {
        #expect(Name(rawValue: 0).description == "")
    }

    @Test func namesSortAsTheirTextsDo() throws {
        let names = try ["11", "1a", "a", "aa", "ab", "b", "eosio", "eosio.a", "zz"].map { try Name($0) }
        #expect(names.shuffled().sorted() == names)
    }

    @Test(
        arguments: [
            ("", .empty), ("abcdefghijklmn", .tooLong(text: "abcdefghijklmn", count: 14)),
            ("Eosio", .badCharacter(text: "Eosio", character: "E", position: 0)),
            ("bp6", .badCharacter(text: "bp6", character: "6", position: 2)),
            ("b p", .badCharacter(text: "b p", character: " ", position: 1)),
            ("bp\n", .badCharacter(text: "bp\n", character: "\n", position: 2)),
            ("bé", .badCharacter(text: "bé", character: "é", position: 1)),
            ("b\0", .badCharacter(text: "b\0", character: "\0", position: 1)),
            ("zzzzzzzzzzzzk", .badThirteenth(text: "zzzzzzzzzzzzk", character: "k")),
            ("eosio.", .trailingDot(text: "eosio.")), (".", .trailingDot(text: ".")),
            ("zzzzzzzzzzzz.", .trailingDot(text: "zzzzzzzzzzzz.")),
        ] as [(String, InvalidName)])
    func namesThatTheChainWouldChangeAreRefused(text: String, expected: InvalidName) {
        let error = #expect(throws: InvalidName.self) { try Name(text) }
        #expect(error == expected)
        #expect(error?.description.contains(text) == true || text.isEmpty)
    }
}

@Suite struct BlockIDTests {
    @Test func hexReadsBackAndNothingElseIsHex() throws {
        var generator = SeededGenerator(seed: 6)
        for _ in 0..<500 {
            let bytes = generator.bytes(32)
            let checksum = try #require(Checksum256(bytes))
            #expect(checksum.bytes == bytes)
            #expect(Checksum256(hex: checksum.description) == checksum)
            #expect(Checksum256(hex: checksum.description.uppercased()) == checksum)
            #expect(checksum.description == bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
            #expect(BlockID(checksum).blockNumber == bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) })
        }
        let good = String(repeating: "0", count: 64)
        let short = String(good.dropLast())
        for bad in ["", short, good + "0", "0x" + good.dropFirst(2), short + "g", "+" + short, short + "\u{660}"] {
            #expect(BlockID(hex: bad) == nil, "\(bad)")
        }
        #expect(Checksum256([UInt8](repeating: 0, count: 31)) == nil)
        #expect(Checksum256([UInt8](repeating: 0, count: 33)) == nil)
        #expect(BlockID(hex: good) == .zero)
    }

    @Test func everyBitTellsTwoIDsApart() throws {
        let zero = [UInt8](repeating: 0, count: 32)
        var seen: Set<Checksum256> = [.zero]
        for bit in 0..<256 {
            var bytes = zero
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(seen.insert(try #require(Checksum256(bytes))).inserted)
        }
    }

    @Test func anIDStartsWithItsNumber() {
        let id = BlockID(number: 0x0102_0304, digest: Checksum256([UInt8](repeating: 0xee, count: 32)) ?? .zero)
        #expect(id.hex == "01020304" + String(repeating: "ee", count: 28))
        #expect(id.blockNumber == 0x0102_0304)
    }
}

@Suite struct BlockTimestampTests {
    @Test(
        arguments: [
            (0, "2000-01-01T00:00:00.000Z"), (1, "2000-01-01T00:00:00.500Z"), (UInt32.max, "2068-01-19T03:14:07.500Z"),
            (1_514_764_800, "2024-01-01T00:00:00.000Z"), (10_195_199, "2000-02-28T23:59:59.500Z"),
            (10_195_200, "2000-02-29T00:00:00.000Z"),
        ] as [(UInt32, String)])
    func slotsHaveTheChainsTexts(slot: UInt32, text: String) {
        #expect(BlockTimestamp(slot: slot).description == text)
        #expect(BlockTimestamp(text)?.slot == slot)
        #expect(BlockTimestamp(String(text.dropLast()))?.slot == slot)
    }

    @Test func everyDayIsTheCalendars() {
        var (year, month, day) = (2000, 1, 1)
        let slotsPerDay: UInt32 = 172_800
        func padded(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        for number in 0...UInt32.max / slotsPerDay {
            let timestamp = BlockTimestamp(slot: number * slotsPerDay)
            let text = "\(year)-\(padded(month))-\(padded(day))T00:00:00.000Z"
            #expect(timestamp.description == text)
            #expect(BlockTimestamp(text) == timestamp)
            let leap = year.isMultiple(of: 4)  // 2000 was one, and 2100 is out of reach
            let days = month == 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
            day += 1
            if day > days { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
    }

    @Test func textReadsBack() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<2000 {
            let timestamp = BlockTimestamp(slot: UInt32(truncatingIfNeeded: generator.next()))
            #expect(BlockTimestamp(timestamp.description) == timestamp)
            #expect(BlockTimestamp(containingUnixMilliseconds: timestamp.unixMilliseconds) == timestamp)
            #expect(BlockTimestamp(containingUnixMilliseconds: timestamp.unixMilliseconds + 499) == timestamp)
        }
    }

    @Test(arguments: [
        "", "Z", "2024-01-01", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.250Z", "2024-01-01T00:00:00.0000",
        "2024-01-01 00:00:00.000", "2024-02-30T00:00:00.000", "2023-02-29T00:00:00.000", "2024-13-01T00:00:00.000",
        "2024-00-01T00:00:00.000", "2024-01-00T00:00:00.000", "2024-01-01T24:00:00.000", "2024-01-01T00:60:00.000",
        "2024-01-01T00:00:60.000", "1999-12-31T23:59:59.500", "2068-01-19T03:14:08.000", "9999-12-31T00:00:00.000",
        "0000-00-00T00:00:00.000", "2024-01-01T00:00:00.000ZZ", "-024-01-01T00:00:00.000", "2024-01-01T00:00:00.000+",
    ])
    func textsThatAreNoSlotAreRefused(text: String) {
        #expect(BlockTimestamp(text) == nil)
    }

    @Test func instantsOutOfReachHaveNoSlot() {
        #expect(BlockTimestamp(containingUnixMilliseconds: BlockTimestamp.epochUnixMilliseconds - 1) == nil)
        #expect(BlockTimestamp(containingUnixMilliseconds: Int64.min) == nil)
        #expect(BlockTimestamp(containingUnixMilliseconds: Int64.max) == nil)
        let last = BlockTimestamp(slot: .max).unixMilliseconds
        #expect(BlockTimestamp(containingUnixMilliseconds: last + 499)?.slot == .max)
        #expect(BlockTimestamp(containingUnixMilliseconds: last + 500) == nil)
    }
}
