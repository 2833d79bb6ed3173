// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What `prodha bench` measured, on one machine and in one run.
public struct BenchDocument: Document {
    public var schemaVersion = SchemaVersion.current
    public var version: String
    public var machine: Machine
    /// Members of each group.
    public var peers: Int
    /// Turns of each measurement.
    public var rounds: Int
    public var floor: Floor?
    public var groups: [Group]

    public init(version: String, machine: Machine, peers: Int, rounds: Int, floor: Floor? = nil, groups: [Group]) {
        self.version = version
        self.machine = machine
        self.peers = peers
        self.rounds = rounds
        self.floor = floor
        self.groups = groups
    }

    public struct Machine: Codable, Hashable, Sendable {
        public var system: String
        public var processors: Int

        public init(system: String, processors: Int) {
            self.system = system
            self.processors = processors
        }
    }

    /// In microseconds.
    public struct Latency: Codable, Hashable, Sendable {
        public var p50: Double
        public var p90: Double
        public var p99: Double
        public var p999: Double
        public var max: Double

        public init(p50: Double, p90: Double, p99: Double, p999: Double, max: Double) {
            self.p50 = p50
            self.p90 = p90
            self.p99 = p99
            self.p999 = p999
            self.max = max
        }
    }

    /// What the disk and the wire allow, in microseconds.
    public struct Floor: Codable, Hashable, Sendable {
        public var bytes: Int
        /// One write with fdatasync, alone and while every other member writes too.
        public var sync: Latency
        public var syncAtOnce: Latency
        /// A byte there and back over loopback.
        public var roundTrip: Latency
        /// The medians of the last two together: a durable commit cannot take less.
        public var commit: Double

        public init(bytes: Int, sync: Latency, syncAtOnce: Latency, roundTrip: Latency, commit: Double) {
            self.bytes = bytes
            self.sync = sync
            self.syncAtOnce = syncAtOnce
            self.roundTrip = roundTrip
            self.commit = commit
        }

        private enum CodingKeys: String, CodingKey {
            case bytes
            case sync = "sync_us"
            case syncAtOnce = "sync_at_once_us"
            case roundTrip = "round_trip_us"
            case commit = "commit_us"
        }
    }

    /// Commits of one size by so many clients.
    public struct Commits: Codable, Hashable, Sendable {
        public var bytes: Int
        public var clients: Int
        public var count: Int
        public var perSecond: Double
        public var latency: Latency
        /// Requests that had to be sent again.
        public var again: Int
        /// How often another member had to be found in the middle of it.
        public var leadersLost: Int

        public init(
            bytes: Int, clients: Int, count: Int, perSecond: Double, latency: Latency, again: Int, leadersLost: Int = 0
        ) {
            self.bytes = bytes
            self.clients = clients
            self.count = count
            self.perSecond = perSecond
            self.latency = latency
            self.again = again
            self.leadersLost = leadersLost
        }

        private enum CodingKeys: String, CodingKey {
            case bytes, clients, count, again
            case perSecond = "per_second"
            case latency = "latency_us"
            case leadersLost = "leaders_lost"
        }
    }

    /// Times of something that was done several times, in milliseconds.
    public struct Times: Codable, Hashable, Sendable {
        public var count: Int
        public var min: Double
        public var median: Double
        public var max: Double

        public init(count: Int, min: Double, median: Double, max: Double) {
            self.count = count
            self.min = min
            self.median = median
            self.max = max
        }
    }

    /// While others took every processor.
    public struct Busy: Codable, Hashable, Sendable {
        public var seconds: Double
        /// Terms that began.
        public var elections: UInt64
        public var commits: [Commits]

        public init(seconds: Double, elections: UInt64, commits: [Commits]) {
            self.seconds = seconds
            self.elections = elections
            self.commits = commits
        }
    }

    /// Of one member; of several the largest.
    public struct Process: Codable, Hashable, Sendable {
        /// In bytes.
        public var resident: UInt64
        public var anonymous: UInt64
        /// Percent of one processor.
        public var processor: Double

        public init(resident: UInt64, anonymous: UInt64, processor: Double) {
            self.resident = resident
            self.anonymous = anonymous
            self.processor = processor
        }

        private enum CodingKeys: String, CodingKey {
            case resident = "resident_bytes"
            case anonymous = "anonymous_bytes"
            case processor = "processor_percent"
        }
    }

    public struct Group: Codable, Hashable, Sendable {
        public var name: String
        /// Before the first commit.
        public var idle: Process?
        public var commits: [Commits]
        public var busy: Busy?
        /// No commit while the leader was killed, and while it was told to end.
        public var failover: Times?
        public var handOver: Times?
        /// From the start of a killed follower until it knew all commits again, and how many those were.
        public var recovery: Times?
        public var recovered: UInt64?
        /// After all of it.
        public var used: Process?

        public init(name: String) {
            self.name = name
            commits = []
        }

        private enum CodingKeys: String, CodingKey {
            case name, idle, commits, busy, used
            case failover = "failover_ms"
            case handOver = "hand_over_ms"
            case recovery = "recovery_ms"
            case recovered = "recovered_entries"
        }
    }

    private enum CodingKeys: String, CodingKey {
        case version, machine, peers, rounds, floor, groups
        case schemaVersion = "schema_version"
    }
}
