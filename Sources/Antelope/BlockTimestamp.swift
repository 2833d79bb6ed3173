// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// When a block is due, as a slot of 500 ms counted from 2000-01-01T00:00:00.000 UTC (`block_timestamp.hpp`,
/// `config.hpp`). 32 bits of slots last until 2068-01-19T03:14:07.500.
public struct BlockTimestamp: Hashable, Sendable {
    /// One slot, in milliseconds.
    public static let slotMilliseconds: Int64 = 500

    /// 2000-01-01T00:00:00Z in milliseconds since 1970.
    public static let epochUnixMilliseconds: Int64 = 946_684_800_000

    public let slot: UInt32

    public init(slot: UInt32) {
        self.slot = slot
    }

    /// The slot that the instant lies in, rounded down. nil before 2000 and after the last slot.
    public init?(containingUnixMilliseconds instant: Int64) {
        let (sinceEpoch, overflow) = instant.subtractingReportingOverflow(Self.epochUnixMilliseconds)
        guard !overflow, sinceEpoch >= 0, let slot = UInt32(exactly: sinceEpoch / Self.slotMilliseconds) else {
            return nil
        }
        self.slot = slot
    }

    /// The start of the slot in milliseconds since 1970.
    public var unixMilliseconds: Int64 {
        Self.epochUnixMilliseconds + Int64(slot) * Self.slotMilliseconds
    }
}

extension BlockTimestamp: Comparable {
    public static func < (one: BlockTimestamp, other: BlockTimestamp) -> Bool {
        one.slot < other.slot
    }
}

extension BlockTimestamp: LosslessStringConvertible {
    /// RFC 3339 with milliseconds, `2026-11-23T02:26:17.500Z`: as nodeos prints it, and a `Z` to say that it is UTC.
    public var description: String {
        let seconds = unixMilliseconds / 1000
        let (year, month, day) = Self.date(daysSince1970: seconds / 86_400)
        let second = seconds % 86_400
        func padded(_ value: Int64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
            + "T\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
            + ".\(padded(unixMilliseconds % 1000, 3))Z"
    }

    /// Reads `2026-11-23T02:26:17.500`, with or without a `Z`, as `description` or nodeos writes it.
    ///
    /// nil for any other form, a date that no calendar has, an instant that is not the start of a slot, or one that 32
    /// bits of slots do not reach.
    public init?(_ text: String) {
        let form = Array("0000-00-00T00:00:00.000".utf8)
        var bytes = Array(text.utf8)
        if bytes.last == UInt8(ascii: "Z") {
            bytes.removeLast()
        }
        guard bytes.count == form.count else { return nil }
        var numbers: [Int64] = [0]
        for (byte, expected) in zip(bytes, form) {
            if expected == UInt8(ascii: "0") {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                numbers[numbers.count - 1] = numbers[numbers.count - 1] * 10 + Int64(byte - UInt8(ascii: "0"))
            } else {
                guard byte == expected else { return nil }
                numbers.append(0)
            }
        }
        guard numbers.count == 7, numbers[3] < 24, numbers[4] < 60, numbers[5] < 60 else { return nil }
        let days = Self.daysSince1970(year: numbers[0], month: numbers[1], day: numbers[2])
        guard Self.date(daysSince1970: days) == (numbers[0], numbers[1], numbers[2]) else { return nil }
        let seconds = days * 86_400 + numbers[3] * 3600 + numbers[4] * 60 + numbers[5]
        self.init(containingUnixMilliseconds: seconds * 1000 + numbers[6])
        guard unixMilliseconds == seconds * 1000 + numbers[6] else { return nil }
    }

    // The two below count years from March, so that the leap day is the last of its year, in cycles of 400 years.

    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month > 2 ? year : year - 1
        let marchMonth = (month + 9) % 12
        let daysOfYear = (153 * marchMonth + 2) / 5 + day - 1
        return 365 * marchYear + marchYear / 4 - marchYear / 100 + marchYear / 400 + daysOfYear - 719_468
    }

    /// For days from 1970 on.
    private static func date(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let (cycle, dayOfCycle) = (shifted / 146_097, shifted % 146_097)
        let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = 400 * cycle + yearOfCycle + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }
}
