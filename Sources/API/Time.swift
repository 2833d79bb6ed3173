// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// A duration as documents carry it: a number of milliseconds, rounded to a thousandth.
public struct Milliseconds: Codable, Hashable, Comparable, Sendable {
    public let value: Double

    /// What is not finite becomes 0: JSON has no word for it.
    public init(_ value: Double) {
        let rounded = (value * 1000).rounded() / 1000
        self.value = rounded.isFinite ? rounded : 0
    }

    public init(nanoseconds: Int64) { self.init(Double(nanoseconds) / 1_000_000) }

    public init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(Double(seconds) * 1000 + Double(attoseconds) / 1e15)
    }

    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(Double.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let whole = Int64(exactly: value) { try container.encode(whole) } else { try container.encode(value) }
    }

    public var duration: Duration { .nanoseconds(Int64(clamping: (value * 1_000_000).rounded())) }

    public static func < (a: Milliseconds, b: Milliseconds) -> Bool { a.value < b.value }
}

extension Milliseconds: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral {
    public init(integerLiteral value: Int) { self.init(Double(value)) }
    public init(floatLiteral value: Double) { self.init(value) }
}

extension Int64 {
    fileprivate init(clamping value: Double) {
        self = value >= 9.2e18 ? .max : value <= -9.2e18 ? .min : Int64(value)
    }
}

/// An instant as documents carry it: RFC 3339 in UTC with milliseconds, `2026-01-31T23:59:59.500Z`.
public struct UTCInstant: Codable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The years that RFC 3339 can write.
    public static let range: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

    /// Since 1970-01-01T00:00:00Z, leap seconds not counted.
    public let unixMilliseconds: Int64

    /// What lies outside `range` becomes its nearest end.
    public init(unixMilliseconds: Int64) {
        self.unixMilliseconds = min(max(unixMilliseconds, Self.range.lowerBound), Self.range.upperBound)
    }

    /// Reads RFC 3339 with any offset and any number of decimals; what is finer than a millisecond is cut off.
    public init?(_ text: String) {
        var rest = text.utf8[...]
        func number(_ digits: Int) -> Int64? {
            guard rest.count >= digits else { return nil }
            var value: Int64 = 0
            for byte in rest.prefix(digits) {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            rest = rest.dropFirst(digits)
            return value
        }
        func take(_ characters: StaticString) -> Unicode.Scalar? {
            let isOneOf = characters.withUTF8Buffer { allowed in rest.first.map(allowed.contains) ?? false }
            return isOneOf ? rest.popFirst().map { Unicode.Scalar($0) } : nil
        }
        guard let year = number(4), take("-") != nil, let month = number(2), take("-") != nil, let day = number(2),
            take("Tt ") != nil, let hour = number(2), take(":") != nil, let minute = number(2), take(":") != nil,
            let second = number(2), (1...12).contains(month),
            (1...Calendar.days(ofMonth: month, year: year)).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        var fraction: Int64 = 0
        if take(".") != nil {
            var scale: Int64 = 100
            guard let first = number(1) else { return nil }
            fraction = first * scale
            while let digit = number(1) {
                scale /= 10
                fraction += digit * scale
            }
        }
        var offset: Int64 = 0
        switch take("Zz+-") {
        case nil: return nil
        case "Z", "z": break
        case let sign:
            guard let hours = number(2), take(":") != nil, let minutes = number(2), hours < 24, minutes < 60 else {
                return nil
            }
            offset = (hours * 60 + minutes) * (sign == "-" ? -60 : 60)
        }
        guard rest.isEmpty else { return nil }
        let seconds = Calendar.days(year: year, month: month, day: day) * 86400 + hour * 3600 + minute * 60 + second
        let milliseconds = (seconds - offset) * 1000 + fraction
        guard Self.range.contains(milliseconds) else { return nil }
        unixMilliseconds = milliseconds
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let instant = UTCInstant(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "\(text) is not an RFC 3339 instant")
        }
        self = instant
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    public var description: String {
        let (seconds, milliseconds) = flooredDivision(unixMilliseconds, by: 1000)
        let (days, secondOfDay) = flooredDivision(seconds, by: 86400)
        let (year, month, day) = Calendar.date(days: days)
        func padded(_ value: Int64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        let time = "\(padded(secondOfDay / 3600, 2)):\(padded(secondOfDay / 60 % 60, 2)):\(padded(secondOfDay % 60, 2))"
        return "\(date)T\(time).\(padded(milliseconds, 3))Z"
    }

    public static func < (a: UTCInstant, b: UTCInstant) -> Bool { a.unixMilliseconds < b.unixMilliseconds }
}

private func flooredDivision(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}

/// The Gregorian calendar, in days since 1970-01-01. Years are counted from March, so that a leap day comes last.
private enum Calendar {
    private static let daysPer400Years: Int64 = 146_097
    /// From 0000-03-01 to 1970-01-01.
    private static let epoch: Int64 = 719_468

    static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month > 2 ? year : year - 1
        let (era, yearOfEra) = flooredDivision(marchYear, by: 400)
        let monthFromMarch = (month + 9) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        return era * daysPer400Years + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - epoch
    }

    static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = flooredDivision(days + epoch, by: daysPer400Years)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
    }

    static func days(ofMonth month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
