// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore

/// Keeps the log readable when something is wrong for long: the same complaint passes once in an interval, with the
/// number of those held back since.
public struct Complaints {
    private struct Record {
        var passedAt: NIODeadline
        var heldBack = 0
    }

    /// Different complaints remembered at a time. Beyond them, what strangers make up shares one record.
    public static let maxKinds = 64
    private static let overflow = "anything else"

    private let interval: TimeAmount
    private var records: [String: Record] = [:]

    public init(interval: Duration) { self.interval = TimeAmount(interval) }

    /// The number of equal complaints that were held back since the last one passed; nil holds this one back too.
    public mutating func pass(_ kind: String, at now: NIODeadline) -> Int? {
        var kind = kind
        if records[kind] == nil, records.count >= Self.maxKinds {
            records = records.filter { now - $0.value.passedAt < interval }
            if records.count >= Self.maxKinds { kind = Self.overflow }
        }
        guard let record = records[kind], now - record.passedAt < interval else {
            let heldBack = records[kind]?.heldBack ?? 0
            records[kind] = Record(passedAt: now)
            return heldBack
        }
        records[kind]?.heldBack += 1
        return nil
    }
}
