// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Testing

@Suite struct HexTests {
    @Test func everyByteComesBack() throws {
        let all = (0...255).map { UInt8($0) }
        let text = Hex.encode(all)
        #expect(text.hasPrefix("000102") && text.hasSuffix("fdfeff") && text.count == 512)
        #expect(try Hex.decode(text) == all)
        #expect(try Hex.decode(text.uppercased()) == all)
        #expect(Hex.encode(all.lazy.filter { _ in true }.map { $0 }) == text)
        #expect(try Hex.decode("") == [] && Hex.encode([UInt8]()).isEmpty)
    }

    @Test func brokenHexIsRefusedWithItsPosition() {
        #expect(throws: HexError.oddLength(3)) { try Hex.decode("abc") }
        for (text, position) in [("g0", 0), ("0g", 1), ("00 0", 2), ("0000:0", 4), ("00@0", 2), ("00`0", 2), ("é", 0)] {
            let byte = Array(text.utf8)[position]
            #expect(throws: HexError.notHex(position: position, byte: byte)) { try Hex.decode(text) }
        }
    }

    @Test func aWholeBlockTakesMilliseconds() throws {
        let block = [UInt8](repeating: 0xa7, count: 8 << 20)
        let clock = ContinuousClock()
        var text = ""
        var back: [UInt8] = []
        let took = try clock.measure {
            text = Hex.encode(block)
            back = try Hex.decode(text)
        }
        #expect(back == block)
        // Debug builds are some fifty times slower; the bound only catches what is quadratic.
        #expect(took < .seconds(20))
        print("hex of 8 MiB and back: \(took)")
        let json = CommitBlockRequest(block: HexBytes(block)).json()
        print("commit_block body of 8 MiB as JSON: \(try clock.measure { _ = try CommitBlockRequest(json: json) })")
        let short = try clock.measure { _ = try json.withUnsafeBytes { try CommitBlockRequest(body: $0) } }
        print("and the short way: \(short)")
    }
}

@Suite struct TimeTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_769_903_999_500, "2026-01-31T23:59:59.500Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (UTCInstant.range.upperBound, "9999-12-31T23:59:59.999Z"),
            (UTCInstant.range.lowerBound, "0000-01-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func instantsAreWrittenAndRead(milliseconds: Int64, text: String) {
        #expect(UTCInstant(unixMilliseconds: milliseconds).description == text)
        #expect(UTCInstant(text)?.unixMilliseconds == milliseconds)
    }

    @Test func everyDayOfFourHundredYearsComesBack() {
        var failures = 0
        for day in Int64(-80_000)..<66_100 {
            let instant = UTCInstant(unixMilliseconds: day * 86_400_000 + 43_200_123)
            if UTCInstant(instant.description) != instant { failures += 1 }
        }
        #expect(failures == 0)
    }

    @Test func otherWritingsOfAnInstantAreRead() {
        for text in ["2026-01-31T23:59:59.5Z", "2026-01-31t23:59:59.500999z", "2026-02-01T00:59:59.50+01:00"] {
            #expect(UTCInstant(text)?.unixMilliseconds == 1_769_903_999_500, "\(text)")
        }
        for text in [
            "", "2026", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z",
            "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00+1:00", "2025-02-29T00:00:00Z",
        ] {
            #expect(UTCInstant(text) == nil, "\(text)")
        }
    }

    @Test func durationsAreRoundedToAThousandth() {
        #expect(Milliseconds(nanoseconds: 400_400).value == 0.4)
        #expect(Milliseconds(.microseconds(12_345)).value == 12.345)
        #expect(Milliseconds(.infinity).value == 0 && Milliseconds(.nan).value == 0)
        #expect(Milliseconds(.seconds(12)).duration == .seconds(12))
        struct Box: Document { var box: Milliseconds }
        for (value, text) in [(12000.0, "12000"), (0.1 + 0.2, "0.3"), (712.3456, "712.346"), (-1.5, "-1.5")] {
            #expect(String(decoding: Box(box: Milliseconds(value)).json(), as: UTF8.self) == "{\"box\":\(text)}")
        }
    }
}
