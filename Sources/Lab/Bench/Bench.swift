// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import FoundationEssentials
import Glibc

/// What `prodha bench` is asked to do.
public struct BenchOptions: Sendable {
    public enum Measurement: String, CaseIterable, Sendable {
        case floor, idle, commits, busy, failover, handover, recovery
    }

    public var measurements = Set(Measurement.allCases)
    public var peers = 3
    /// Turns of the floor and of commits; each group has its turn in each of them.
    public var rounds = 3
    /// Of the blocks that are committed one after the other.
    public var sizes = [256, 4096, 262_144]
    /// How many commit at once, and blocks of which size then.
    public var clients = 64
    public var clientsSize = 256
    /// Of one group's turn with one size.
    public var turn: Duration = .seconds(3)
    public var kills = 5
    /// In the log, behind the last snapshot, before anything but `idle` is measured.
    public var entries = 10_000
    /// Of the leader's events, while blocks are committed.
    public var readers = 0
    /// How long others take every processor while blocks are committed.
    public var busyTime: Duration = .seconds(30)
    /// Nil: none runs beside.
    public var etcd: String?
    /// Another prodha to measure beside this one.
    public var otherProgram: String?
    /// On the disk in question. Nil: $TMPDIR or /tmp.
    public var directory: String?

    public static let mostReaders = 60
    public static let peerCounts = 3...9
    public static let blockSizes = 256...4_194_304

    public init() {}
}

/// What was measured, in the forms in which it is told.
public struct BenchReport: Sendable {
    let document: BenchDocument

    /// For people.
    public var table: String { BenchTable(document).description }
    /// One JSON object, a `BenchDocument`, on one line.
    public var json: String { String(decoding: document.json(), as: UTF8.self) + "\n" }
    /// A picture of the commits, as SVG.
    public var picture: String { BenchPlot(document).description }
}

/// Measures groups of real processes on this machine, by turns, so that other work on it hits all alike.
public final class Bench {
    public enum Outcome: Sendable {
        case measured(BenchReport)
        case stopped
        case failed(String)
    }

    private let options: BenchOptions
    private let directory: String
    private let isStopped: () -> Bool
    private let tell: (String) -> Void

    /// - Parameters:
    ///   - version: of this program.
    ///   - tell: says what is being measured.
    public static func run(
        _ options: BenchOptions, version: String, environment: [String: String], isStopped: @escaping () -> Bool,
        tell: @escaping (String) -> Void
    ) -> Outcome {
        // Whoever started this may ignore it, and then no child could be waited for.
        signal(SIGCHLD, SIG_DFL)
        do {
            var options = options
            options.etcd = try options.etcd.map { try find($0, environment) }
            options.otherProgram = try options.otherProgram.map { try find($0, environment) }
            let place = options.directory ?? TemporaryDirectory.usualPlace(environment)
            guard let directory = TemporaryDirectory.make("bench", in: place) else {
                throw BenchFailure(
                    description: "cannot make a directory in \(place): \(String(cString: strerror(errno))); "
                        + "give another --directory")
            }
            let bench = Bench(options, directory, isStopped, tell)
            do {
                let document = try bench.measure(version)
                try? FileManager.default.removeItem(atPath: directory)
                return .measured(BenchReport(document: document))
            } catch let failure as BenchFailure {
                // Logs are in there.
                return .failed(failure.description)
            } catch {
                try? FileManager.default.removeItem(atPath: directory)
                throw error
            }
        } catch is BenchStopped {
            return .stopped
        } catch {
            return .failed("\(error)")
        }
    }

    private init(
        _ options: BenchOptions, _ directory: String, _ isStopped: @escaping () -> Bool,
        _ tell: @escaping (String) -> Void
    ) {
        self.options = options
        self.directory = directory
        self.isStopped = isStopped
        self.tell = tell
    }

    private func has(_ measurement: BenchOptions.Measurement) -> Bool { options.measurements.contains(measurement) }

    private func measure(_ version: String) throws -> BenchDocument {
        var groups: [any BenchGroup] = [
            try ProdhaGroup(
                "prodha", program: Leash.program, directory: try subdirectory("prodha"), peers: options.peers,
                settings: settings)
        ]
        if let other = options.otherProgram {
            groups.append(
                try ProdhaGroup(
                    "other", program: other, directory: try subdirectory("other"), peers: options.peers,
                    settings: settings))
        }
        if let etcd = options.etcd {
            groups.append(
                try EtcdGroup(program: etcd, directory: try subdirectory("etcd"), peers: options.peers))
        }
        defer { for group in groups { group.servers.stop() } }
        var results: [BenchDocument.Group] = []
        for group in groups {
            tell("starting \(options.peers) members of \(group.name)")
            try group.servers.startAll()
            _ = try group.awaitLeader(isStopped)
            results.append(BenchDocument.Group(name: group.name))
        }
        if has(.idle) {
            for at in groups.indices { results[at].idle = try idle(groups[at]) }
        }
        for group in groups where options.measurements != [.floor] { try fill(group) }
        var floor = Floor()
        if has(.floor) || has(.commits) { try commits(groups, &results, &floor) }
        if has(.busy) { try busy(groups, &results) }
        for at in groups.indices {
            if has(.failover) { results[at].failover = try gaps(groups[at], "kills of the leader", SIGKILL) }
            if has(.handover) { results[at].handOver = try gaps(groups[at], "hand-overs", SIGTERM) }
        }
        if has(.recovery) {
            for at in groups.indices { try recovery(groups[at], &results[at]) }
        }
        for at in groups.indices { results[at].used = try use(groups[at], over: .zero) }
        let machine = BenchDocument.Machine(system: Self.system, processors: Self.processors)
        return BenchDocument(
            version: version, machine: machine, peers: options.peers, rounds: options.rounds,
            floor: has(.floor) ? floor.document(bytes: options.sizes.min() ?? 256) : nil, groups: results)
    }

    /// The whole log stays behind the last snapshot, if a peer is to recover that much.
    private var settings: [String] {
        has(.recovery) && options.entries > 7200
            ? [#""snapshot_distance": \#(max(options.entries * 2, 1_000_000))"#] : []
    }

    private func subdirectory(_ name: String) throws -> String {
        let path = "\(directory)/\(name)"
        guard mkdir(path, 0o755) == 0 else {
            throw BenchFailure(description: "cannot make \(path): \(String(cString: strerror(errno)))")
        }
        return path
    }

    private static func find(_ program: String, _ environment: [String: String]) throws -> String {
        guard let file = programFile(program, environment: environment) else {
            throw BenchFailure(
                description: "cannot start \(program): it is no program, or not in PATH; name its file, or install "
                    + "Debian's etcd-server")
        }
        return file
    }

    private static var processors: Int { Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    private static var system: String {
        var names = utsname()
        guard uname(&names) == 0 else { return "unknown" }
        func text<Value>(_ value: Value) -> String {
            withUnsafeBytes(of: value) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return "\(text(names.sysname)) \(text(names.release)) \(text(names.machine))"
    }

    // MARK: - Measurements

    private static var idleTime: Duration { .seconds(20) }

    private func idle(_ group: some BenchGroup) throws -> BenchDocument.Process {
        tell("\(group.name): idle for \(Self.idleTime.components.seconds) s")
        try group.awaitAgreement(isStopped)
        return try use(group, over: Self.idleTime)
    }

    private func use(_ group: some BenchGroup, over time: Duration) throws -> BenchDocument.Process {
        let pids = group.servers.members.compactMap { group.servers.pid(of: $0) }
        let before = pids.map { ProcessUse.ticks($0) }
        let start = LoadClock.now()
        while LoadClock.now() < start + time.inNanoseconds {
            if isStopped() { throw BenchStopped() }
            usleep(50_000)
        }
        let seconds = Double(LoadClock.now() - start) / 1e9
        let spent = zip(pids, before).map { Double(ProcessUse.ticks($0) - $1) / Double(sysconf(Int32(_SC_CLK_TCK))) }
        return BenchDocument.Process(
            resident: pids.map { ProcessUse.bytes($0, "VmRSS") }.max() ?? 0,
            anonymous: pids.map { ProcessUse.bytes($0, "RssAnon") }.max() ?? 0,
            processor: time == .zero ? 0 : 100 * (spent.max() ?? 0) / seconds)
    }

    private struct Kind: Hashable {
        var bytes: Int
        var clients: Int

        func document(_ load: Load) -> BenchDocument.Commits {
            let count = load.latencies.samples.count
            return BenchDocument.Commits(
                bytes: bytes, clients: clients, count: count,
                perSecond: load.elapsed > 0 ? (Double(count) * 1e9 / Double(load.elapsed)).rounded(to: 1) : 0,
                latency: load.latencies.document, again: load.again, leadersLost: load.leadersLost)
        }
    }

    private var kinds: [Kind] {
        options.sizes.map { Kind(bytes: $0, clients: 1) }
            + (options.clients > 1 ? [Kind(bytes: options.clientsSize, clients: options.clients)] : [])
    }

    private func commits(
        _ groups: [any BenchGroup], _ results: inout [BenchDocument.Group], _ floor: inout Floor
    ) throws {
        let kinds = has(.commits) ? self.kinds : []
        var loads = groups.map { _ in kinds.map { _ in Load() } }
        for round in 0..<options.rounds {
            for at in groups.indices where !kinds.isEmpty {
                if round == 0 { try warmUp(groups[at]) }
            }
            if has(.floor) {
                tell("round \(round + 1) of \(options.rounds): the floor")
                try floor.measure(
                    directory: directory, bytes: options.sizes.min() ?? 256, members: options.peers, samples: 1000)
            }
            try takeTurns(groups, kinds, &loads) { group, kind in
                let clients = count(kind.clients, "client")
                tell("round \(round + 1) of \(options.rounds): \(group.name), \(kind.bytes) bytes, \(clients)")
            }
        }
        for at in groups.indices {
            results[at].commits = zip(kinds, loads[at]).map { $0.document($1) }
        }
    }

    /// One turn of each kind, of each group.
    private func takeTurns(
        _ groups: [any BenchGroup], _ kinds: [Kind], _ loads: inout [[Load]],
        _ begins: (any BenchGroup, Kind) -> Void
    ) throws {
        for (number, kind) in kinds.enumerated() {
            for (at, group) in groups.enumerated() {
                begins(group, kind)
                loads[at][number].add(
                    try Load.run(
                        group, bytes: kind.bytes, clients: kind.clients, readers: options.readers, for: options.turn,
                        isStopped))
            }
        }
    }

    /// Commits by turns of all groups while as many processes as there are processors do nothing but count.
    private func busy(_ groups: [any BenchGroup], _ results: inout [BenchDocument.Group]) throws {
        let kinds = Set(self.kinds).filter { $0.bytes <= 4096 }.sorted { $0.clients < $1.clients }
        var loads = groups.map { _ in kinds.map { _ in Load() } }
        let hogs = try Hogs(Self.processors, logFile: "\(directory)/hogs.log")
        defer { hogs.stop() }
        let terms = groups.map(highestTerm)
        tell("with every processor taken by others, for \(options.busyTime.components.seconds) s")
        let end = LoadClock.now() + options.busyTime.inNanoseconds
        repeat {
            try takeTurns(groups, kinds, &loads) { _, _ in }
        } while LoadClock.now() < end
        for at in groups.indices {
            results[at].busy = BenchDocument.Busy(
                seconds: Double(options.busyTime.components.seconds),
                elections: max(terms[at], highestTerm(of: groups[at])) - terms[at],
                commits: zip(kinds, loads[at]).map { $0.document($1) })
        }
    }

    private func highestTerm(of group: any BenchGroup) -> UInt64 {
        group.servers.members.compactMap { group.term(at: $0) }.max() ?? 0
    }

    /// The first commits of a group find caches cold and files short.
    private func warmUp(_ group: some BenchGroup) throws {
        _ = try Load.run(
            group, bytes: options.sizes.min() ?? 256, clients: 1, for: .seconds(5), atMost: 500,
            isStopped)
    }

    private func gaps(_ group: some BenchGroup, _ what: String, _ signal: Int32) throws -> BenchDocument.Times {
        var gaps: [Int64] = []
        for number in 0..<options.kills {
            tell("\(group.name): \(what), \(number + 1) of \(options.kills)")
            try group.awaitAgreement(isStopped)
            let leader = try group.awaitLeader(isStopped)
            var survivor = Survivor(group, leader: leader, bytes: options.sizes.min() ?? 256)
            gaps.append(
                try survivor.gap(of: leader, whenDying: { group.servers.signal(signal, to: leader) }, isStopped))
            try group.servers.awaitEnd(of: leader)
            try group.servers.start(leader)
        }
        return BenchDocument.Times(nanoseconds: gaps)
    }

    /// As many commits as are to be there before the rest.
    private func fill(_ group: some BenchGroup) throws {
        let leader = try group.awaitLeader(isStopped)
        let missing = options.entries - Int(clamping: group.committed(at: leader) ?? 0)
        guard missing > 0 else { return }
        tell("\(group.name): \(options.entries) commits to begin with")
        // A new group takes any block for its first.
        _ = try Load.run(
            group, bytes: 256, clients: 1, for: .seconds(60), atMost: 1, isStopped)
        _ = try Load.run(
            group, bytes: 256, clients: 64, for: .seconds(24 * 3600), atMost: missing, isStopped)
    }

    /// Kills a follower, and starts it again.
    private func recovery(_ group: some BenchGroup, _ result: inout BenchDocument.Group) throws {
        tell("\(group.name): a follower recovers")
        var times: [Int64] = []
        for _ in 0..<3 {
            try group.awaitAgreement(isStopped)
            let leader = try group.awaitLeader(isStopped)
            let all = group.committed(at: leader) ?? 0
            result.recovered = all
            guard let follower = group.servers.members.first(where: { $0 != leader }) else { break }
            try group.servers.kill(follower)
            let start = LoadClock.now()
            try group.servers.start(follower)
            while group.committed(at: follower) ?? 0 < all {
                if isStopped() { throw BenchStopped() }
                try group.servers.complainOfTheDead()
                guard LoadClock.now() < start + Duration.seconds(120).inNanoseconds else {
                    throw BenchFailure(description: "member \(follower) of \(group.name) does not recover within 120 s")
                }
                usleep(2_000)
            }
            times.append(LoadClock.now() - start)
        }
        if !times.isEmpty { result.recovery = BenchDocument.Times(nanoseconds: times) }
    }
}

/// Processes that take all the time they can get.
private final class Hogs {
    private let processes: [ChildProcess]

    init(_ count: Int, logFile: String) throws {
        let command = ["/bin/sh", "-c", "while :; do :; done"]
        let program = Leash.program
        processes = try (0..<count).map { _ in
            try ChildProcess.start(program, Leash.arguments(program, command), logFile: logFile)
        }
    }

    func stop() {
        for process in processes { process.signal(SIGKILL) }
        for process in processes { while process.ended() == nil { usleep(1_000) } }
    }
}

/// What the kernel knows of a process.
enum ProcessUse {
    /// A field of /proc/PID/status, in bytes; 0 where it is not told.
    static func bytes(_ pid: Int32, _ field: String) -> UInt64 {
        let line = text("/proc/\(pid)/status").split(separator: "\n").first { $0.hasPrefix(field + ":") }
        return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first).flatMap { UInt64($0) }.map { $0 << 10 }
            ?? 0
    }

    /// Time of a processor, in the system's ticks.
    static func ticks(_ pid: Int32) -> UInt64 {
        let all = text("/proc/\(pid)/stat")
        // The name before it may hold anything.
        guard let end = all.lastIndex(of: ")") else { return 0 }
        let fields = all[all.index(after: end)...].split(separator: " ")
        guard fields.count > 12 else { return 0 }
        return (UInt64(fields[11]) ?? 0) + (UInt64(fields[12]) ?? 0)
    }

    private static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

extension Double {
    fileprivate func rounded(to decimals: Int) -> Double {
        let scale = (0..<decimals).reduce(1.0) { product, _ in product * 10 }
        return (self * scale).rounded() / scale
    }
}

extension Latencies {
    /// In microseconds.
    var document: BenchDocument.Latency {
        var all = self
        func micros(_ share: Int) -> Double { (Double(all.permille(share)) / 1000).rounded(to: 1) }
        return BenchDocument.Latency(
            p50: micros(500), p90: micros(900), p99: micros(990), p999: micros(999), max: micros(1000))
    }
}

extension Floor {
    func document(bytes: Int) -> BenchDocument.Floor {
        let (sync, atOnce, trip) = (sync.document, syncAtOnce.document, roundTrip.document)
        return BenchDocument.Floor(
            bytes: bytes, sync: sync, syncAtOnce: atOnce, roundTrip: trip,
            commit: (atOnce.p50 + trip.p50).rounded(to: 1))
    }
}

extension BenchDocument.Times {
    init(nanoseconds: [Int64]) {
        let times = nanoseconds.map { Duration.nanoseconds($0) }
        func milliseconds(_ time: Duration?) -> Double { (time?.inMilliseconds ?? 0).rounded(to: 1) }
        self.init(
            count: times.count, min: milliseconds(times.min()), median: milliseconds(times.median),
            max: milliseconds(times.max()))
    }
}
