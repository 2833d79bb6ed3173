// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Acknowledgements that wait until the broker has confirmed what was published before them: a broker that crashes may have
/// an acknowledgement on its disk and not yet the reply that went before it (RabbitMQ, "Consumer Acknowledgements and
/// Publisher Confirms"). Its answer would be lost, and the message not given again.
///
/// Bounded by the deliveries that are not settled: while acknowledgements wait the broker brings no more.
struct HeldAcknowledgements {
    /// Publications of this channel, counted from 1 as the broker counts them.
    private var published: UInt64 = 0
    /// Rising.
    private var unconfirmed: [UInt64] = []
    private var held: [(tag: UInt64, after: UInt64)] = []

    var isEmpty: Bool { held.isEmpty }

    mutating func notePublication() {
        published += 1
        unconfirmed.append(published)
    }

    /// The broker has this one, or all up to it, on its disk; or has dropped it because there is no such queue.
    mutating func confirm(_ number: UInt64, isMultiple: Bool) {
        unconfirmed.removeAll { isMultiple ? $0 <= number : $0 == number }
    }

    mutating func hold(_ tag: UInt64) { held.append((tag, published)) }

    /// Those that need not wait any more, in the order in which they came.
    mutating func release() -> [UInt64] {
        let first = unconfirmed.first ?? .max
        let free = held.prefix { $0.after < first }.map(\.tag)
        held.removeFirst(free.count)
        return free
    }
}
