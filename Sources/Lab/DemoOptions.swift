// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
//
// The Lab layer: a group of real peers on this machine with an embedded block producer, for whoever wants to see what a
// group does when its leader dies.
//
// The demonstration has a pure half and a thin shell. Pure: DemoStory takes in what happened and knows what is going on,
// DemoScript decides what happens next, DemoScreen says it in 80 columns, Production decides what becomes of a block,
// ChainAudit compares the peers' logs. Shell: Demo joins PeerProcess (posix_spawn), BlockProducer (HTTP), the timers
// and the terminal. It speaks to peers through their HTTP API alone, as any block producer would.
// May import API, Antelope, Configuration, HTTP and Operations; of Foundation no more than FoundationEssentials.

/// What `prodha demo` was asked to do.
public struct DemoOptions: Sendable {
    /// Where configuration, data and logs are kept, and left behind. Nil: in a fresh directory that is removed.
    public var directory: String?
    /// Nil: until a signal asks for the end.
    public var duration: Duration?
    /// From one leader's death to the next. Nil: nobody is killed.
    public var killEvery: Duration? = .seconds(8)
    /// From one block to the next, in milliseconds; the chain's slots are 500 ms long.
    public var blockIntervalMS: Int64 = 500
    public var usesColor = true

    public static let blockIntervalsMS: ClosedRange<Int64> = 100...10_000

    public init() {}
}
