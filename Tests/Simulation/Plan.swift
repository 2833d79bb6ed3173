// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The Simulation library: a whole group of peers in one thread, on virtual time. It drives the very `Replica` that the
// daemon drives, through networks, disks, clocks and processes that fail, and holds it to the promises after every
// step. One seed makes one run, to the letter.
//
// Read in this order: Plan (what a seed decides), Agenda, Clock, Disk, Network, Host (the parts), World (the loop),
// Faults and Clients (what goes wrong, who asks for what), Checkers (what must hold), Runner (many seeds).
// A new fault belongs into Faults, a new promise into Checkers; neither knows of the other.

import ProducerHA
import Raft

/// Everything that one run starts from. Made from a seed alone; a test may change a field before the run.
public struct Plan: Sendable {
    public var seed: UInt64
    public var peers: Int
    public var quorum: Int
    /// Simulated time of a run.
    public var duration: Duration = .seconds(60)
    /// The bound on clock rates that the peers are told.
    public var maxClockDrift: Double
    /// What the clocks really do: the fastest runs this much faster than the slowest.
    public var clockSpread: Double
    public var leaseLength: Duration
    /// Peers choose other timings at each start.
    public var settingsDiffer: Bool
    public var heartbeatInterval: Duration
    public var electionTimeout: Duration
    public var snapshotDistance: UInt64
    /// Whether every block of the chain is the group's own.
    public var producers: ChainProducers
    public var limits = Limits()
    public var network: NetworkPlan
    public var syncTime: Range<Int64>
    /// Between two blocks of the chain.
    public var blockInterval: Duration
    /// Between two faults, while there are any.
    public var faultInterval: Duration
    /// The region that the group is, where there are several.
    public var region: Region?

    public struct Region: Sendable {
        public var name: String
        public var others: [String]
        public var startsActive: Bool
        public var returnGate: Duration?
        /// Sets its blocks apart from those of others.
        public var mark: UInt16
    }

    /// How many peers there are, and how many of them are a quorum.
    public struct Shape: Hashable, Sendable, CustomStringConvertible {
        public var peers: Int
        public var quorum: Int

        public var description: String { "\(peers)/\(quorum)" }
    }

    /// Every size of group that is tried, with every quorum that its configuration permits.
    public static let shapes = [3, 4, 5, 7].flatMap { peers in
        (peers / 2 + 1..<peers).map { Shape(peers: peers, quorum: $0) }
    }

    public struct NetworkPlan: Sendable {
        public enum Kind: Sendable {
            /// As TCP: in order, nothing lost while the connection stands; what a partition holds up comes later.
            case streams
            /// Messages are lost, doubled and overtake each other.
            case datagrams
        }
        public var kind: Kind
        /// One way, in nanoseconds.
        public var delay: Range<Int64>
        public var lossPerMille = 0
        public var doublesPerMille = 0
    }

    public init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix64(seed: seed &* 0x2545_F491_4F6C_DD1D)
        peers = random.pick([3, 3, 3, 4, 5, 5, 7])
        quorum = Int.random(in: peers / 2 + 1..<peers, using: &random)
        maxClockDrift = random.pick([0.002, 0.01, 0.05])
        // A hair less than permitted: readings are cut off to nanoseconds.
        clockSpread = maxClockDrift * 0.999
        heartbeatInterval = .milliseconds(random.pick([50, 80, 120]))
        electionTimeout = heartbeatInterval * random.pick([4, 5, 6])
        leaseLength = .milliseconds(Int.random(in: 300...random.pick([2500, 2500, 2500, 6000]), using: &random))
        settingsDiffer = random.chance(1, in: 2)
        snapshotDistance = random.pick([4, 15, 50])
        producers = random.chance(1, in: 4) ? .several : .sole
        let isFar = random.chance(1, in: 4)
        let slowest: Int64 = isFar ? random.pick([20, 60]) : random.pick([1, 5])
        network = NetworkPlan(
            kind: random.chance(2, in: 3) ? .streams : .datagrams, delay: 100_000..<slowest * 1_000_000)
        if network.kind == .datagrams {
            network.lossPerMille = random.pick([0, 10, 100])
            network.doublesPerMille = random.pick([0, 20, 100])
        }
        syncTime = 100_000..<random.pick([1_000_000, 5_000_000, 30_000_000, 100_000_000])
        blockInterval = .milliseconds(random.pick([20, 40, 100, 250, 500]))
        faultInterval = .milliseconds(random.pick([150, 400, 1000, 2500]))
        if random.chance(1, in: 2) {
            limits.cachedBytes = random.pick([0, 400, 2000])
            limits.appendBytes = random.pick([100, 500, 3000])
            limits.appendsInFlight = random.pick([1, 2, 8])
        }
    }
}

extension SplitMix64 {
    mutating func pick<T>(_ choices: [T]) -> T { choices[Int.random(in: 0..<choices.count, using: &self)] }

    /// True `times` in `all`.
    mutating func chance(_ times: Int, in all: Int) -> Bool { Int.random(in: 0..<all, using: &self) < times }

    mutating func milliseconds(_ range: ClosedRange<Int64>) -> Int64 {
        Int64.random(in: range.lowerBound * 1_000_000...range.upperBound * 1_000_000, using: &self)
    }
}
