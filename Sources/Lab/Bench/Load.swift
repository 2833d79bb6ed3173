// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc

/// Somebody asked for the end.
struct BenchStopped: Error {}

/// Times of many commits, in nanoseconds.
struct Latencies {
    private(set) var samples: [Int64] = []
    private var isSorted = true

    mutating func add(_ nanoseconds: Int64) {
        samples.append(nanoseconds)
        isSorted = false
    }

    mutating func add(_ other: Latencies) {
        samples += other.samples
        isSorted = false
    }

    /// The smallest sample that so many of a thousand do not exceed, in nanoseconds; 0 without samples.
    mutating func permille(_ share: Int) -> Int64 {
        if !isSorted { samples.sort() }
        isSorted = true
        guard !samples.isEmpty else { return 0 }
        return samples[max(0, (samples.count * share + 999) / 1000 - 1)]
    }
}

/// What many commits took: from the first byte sent to the answer's last, repetitions included.
struct Load {
    var latencies = Latencies()
    /// What the commits took together, in nanoseconds.
    var elapsed: Int64 = 0
    /// Requests that had to be sent again.
    var again = 0
    /// How often another member had to be found in the middle of it.
    var leadersLost = 0

    mutating func add(_ other: Load) {
        latencies.add(other.latencies)
        elapsed += other.elapsed
        again += other.again
        leadersLost += other.leadersLost
    }

    /// So many clients, each with one commit under way, as fast as they are answered: for a duration, or until there are so
    /// many commits.
    /// - Parameter readers: of what happens at the leader, beside the clients.
    static func run(
        _ group: some BenchGroup, bytes: Int, clients: Int, readers: Int = 0, for duration: Duration,
        atMost most: Int = .max, _ isStopped: () -> Bool
    ) throws -> Load {
        let rate = clients == 1 ? 5_000 : 40_000
        let wanted = Double(duration.inNanoseconds) / 1e9 * Double(rate)
        try group.prepare(min(most, Int(min(wanted, Double(mostPrepared))), preparedBytes / bytes), bytes: bytes)
        let run = try LoadRun(
            group, leader: try group.awaitLeader(isStopped), bytes: bytes, clients: clients, readers: readers)
        return try run.go(for: duration, atMost: most, isStopped)
    }

    /// Making requests is no part of what is measured: this many are there beforehand, as far as memory allows.
    private static var mostPrepared: Int { 150_000 }
    private static var preparedBytes: Int { 64 << 20 }
}

/// Clients of one member, each with a connection of its own.
private final class LoadRun<Group: BenchGroup> {
    private let group: Group
    private let bytes: Int
    private var connections: [LoadConnection]
    private let listeners: [LoadConnection]
    private var requests: [[UInt8]]
    /// Nil: the client has no commit under way.
    private var sentAt: [Int64?]
    private var begun = 0
    private var load = Load()

    private static var patience: Duration { .seconds(10) }

    init(_ group: Group, leader: Int, bytes: Int, clients: Int, readers: Int) throws {
        self.group = group
        self.bytes = bytes
        connections = try Self.connect(group, leader, clients)
        listeners = try Self.connect(group, leader, readers)
        requests = [[UInt8]](repeating: [], count: clients)
        sentAt = [Int64?](repeating: nil, count: clients)
        for listener in listeners { try listener.send(group.listenRequest) }
    }

    private static func connect(_ group: Group, _ leader: Int, _ count: Int) throws -> [LoadConnection] {
        try (0..<count).map { _ in try LoadConnection(port: group.servers.ports[leader] ?? 0) }
    }

    private func begin(_ client: Int) throws {
        requests[client] = try group.request(bytes: bytes)
        sentAt[client] = LoadClock.now()
        try connections[client].send(requests[client])
        begun += 1
    }

    /// What is under way is handed in again at the member that takes commits now.
    private func move(_ isStopped: () -> Bool) throws {
        load.leadersLost += 1
        connections = try Self.connect(group, try group.awaitLeader(isStopped), connections.count)
        for client in connections.indices where sentAt[client] != nil { try connections[client].send(requests[client]) }
    }

    func go(for duration: Duration, atMost most: Int, _ isStopped: () -> Bool) throws -> Load {
        let start = LoadClock.now()
        let end = start + duration.inNanoseconds
        var lastAnswer = start
        for client in connections.indices where begun < most { try begin(client) }
        var waiting = waitList()
        while sentAt.contains(where: { $0 != nil }) {
            let found = poll(&waiting, nfds_t(waiting.count), 1000)
            if isStopped() { throw BenchStopped() }
            if found <= 0 {
                try group.servers.complainOfTheDead()
                guard LoadClock.now() - lastAnswer < Self.patience.inNanoseconds else {
                    throw BenchFailure(description: "\(group.name) answered nothing for 10 s")
                }
            }
            for (at, listener) in listeners.enumerated() where waiting[connections.count + at].revents != 0 {
                try listener.drop()
                waiting[connections.count + at].events = listener.events
            }
            for client in connections.indices where waiting[client].revents != 0 {
                defer { waiting[client].events = connections[client].events }
                guard let answer = try connections[client].ready() else { continue }
                switch try group.verdict(of: answer) {
                case .committed:
                    let now = LoadClock.now()
                    lastAnswer = now
                    load.latencies.add(now - (sentAt[client] ?? now))
                    sentAt[client] = nil
                    if now < end, begun < most { try begin(client) }
                case .again:
                    load.again += 1
                    try connections[client].send(requests[client])
                case .elsewhere:
                    try move(isStopped)
                    waiting = waitList()
                }
            }
        }
        load.elapsed = lastAnswer - start
        return load
    }

    private func waitList() -> [pollfd] {
        (connections + listeners).map { pollfd(fd: $0.socket, events: $0.events, revents: 0) }
    }
}

/// Commits one after the other, at whichever member takes them, through deaths and hand-overs.
struct Survivor {
    private let group: any BenchGroup
    private var target: Int
    private var connections: [Int: LoadConnection] = [:]
    private var request: [UInt8]?
    private let bytes: Int

    /// For one answer: a member that hangs is left after it.
    private static var patience: Duration { .milliseconds(250) }

    init(_ group: any BenchGroup, leader: Int, bytes: Int) {
        self.group = group
        target = leader
        self.bytes = bytes
    }

    /// Hands the next commit in once; the member that took it, or nil.
    mutating func tryOnce() throws -> Int? {
        let sending = try request ?? group.request(bytes: bytes)
        request = sending
        let answer: LoadConnection.Answer
        let port = group.servers.ports[target] ?? 0
        do throws(LoadConnection.Failure) {
            let connection: LoadConnection
            if let open = connections[target] { connection = open } else { connection = try LoadConnection(port: port) }
            connections[target] = connection
            answer = try connection.ask(sending, within: Self.patience)
        } catch {
            connections[target] = nil
            another()
            return nil
        }
        switch try group.verdict(of: answer) {
        case .committed:
            request = nil
            return target
        case .again: usleep(1_000)
        case .elsewhere:
            another()
            usleep(1_000)
        }
        return nil
    }

    private mutating func another() {
        let members = group.servers.members
        target = members[((members.firstIndex(of: target) ?? 0) + 1) % members.count]
    }

    /// The longest time between two commits while the leader goes: from before the signal until another member has taken
    /// some.
    mutating func gap(of leader: Int, whenDying die: () throws -> Void, _ isStopped: () -> Bool) throws -> Int64 {
        let settled = LoadClock.now() + Duration.seconds(1).inNanoseconds
        var last = LoadClock.now()
        while LoadClock.now() < settled {
            if try tryOnce() != nil { last = LoadClock.now() }
            if isStopped() { throw BenchStopped() }
        }
        try die()
        var longest: Int64 = 0
        var others = 0
        let end = LoadClock.now() + Duration.seconds(30).inNanoseconds
        while others < 20 {
            if let member = try tryOnce() {
                let now = LoadClock.now()
                longest = max(longest, now - last)
                last = now
                if member != leader { others += 1 }
            }
            if isStopped() { throw BenchStopped() }
            guard LoadClock.now() < end else {
                throw BenchFailure(description: "nobody took over within 30 s; see \(group.servers.directory)")
            }
        }
        return longest
    }
}
