// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
//
// The Lab layer: two regions of real peers on this machine, with embedded block producers, or one with a real nodeos
// beside each peer, for whoever wants to see what a group does when its leader dies, and what a switch of regions does.
//
// The demonstration has a pure half and a thin shell. Pure: DemoStory takes in what happened and knows what is going on,
// DemoScript decides what happens next, DemoScreen says it in 80 columns, ChainAudit compares logs and chains at the
// end. Shell: DemoStage joins the processes, HTTP, the timers and the terminal.
// Without nodeos, each region has a BlockProducer that has a block committed for every slot in which a peer of the region
// may produce, through the peers' HTTP API, as any block producer could; Production decides what becomes of each.
// Switches are made by this program's own `failover`, as an operator would. With nodeos, Witness watches an outside node and Sightings tells who
// made what it sees, while TransactionFlow sends it transactions.
// May import API, Antelope, HTTP and Keys; of Foundation no more than FoundationEssentials.

/// What `prodha demo` was asked to do.
public struct DemoOptions: Sendable {
    /// The path of a nodeos, or its name in PATH: one beside each peer makes the blocks. Nil: an embedded block producer
    /// makes them.
    public var nodeos: String?
    /// Where configuration, data and logs are kept, and left behind. Nil: in a fresh directory that is removed.
    public var directory: String?
    /// Nil: until a signal asks for the end.
    public var duration: Duration?
    /// From one event of the story to the next: a leader's death, a switch. Nil: nothing happens.
    public var killEvery: Duration? = .seconds(8)
    /// From one block to the next, in milliseconds; the chain's slots are 500 ms long.
    public var blockIntervalMS: Int64 = 500
    /// It ends when everything has been shown once.
    public var isOnce = false
    public var usesColor = true

    public static let blockIntervalsMS: ClosedRange<Int64> = 100...10_000

    public init() {}
}
