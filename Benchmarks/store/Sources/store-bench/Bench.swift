import FloorStore
import GRDBStore
import Glibc
import LMDBStore
import SQLiteStore
import Store

typealias Open = @Sendable (String) throws -> any Store

let candidates: [(name: String, open: Open)] = [
    ("floor, growing", { try FloorStore(path: $0 + "/log", reusing: 0) }),
    ("floor, reused", { try FloorStore(path: $0 + "/log", reusing: 64 << 20) }),
    (
        "sqlite, plain",
        sqlite {
            $0.exclusive = false
            $0.secureDelete = true
        }
    ),
    ("sqlite, exclusive", sqlite { _ in }),
    (
        "sqlite, 8 KB pages",
        sqlite {
            $0.pageSize = 8192
            $0.autocheckpoint = 500
        }
    ),
    ("sqlite, zeroed", sqlite { $0.prezeroed = 32 << 20 }),
    (
        "sqlite, zeroed, 250",
        sqlite {
            $0.prezeroed = 32 << 20
            $0.autocheckpoint = 250
        }
    ),
    (
        "sqlite, zeroed, tidied",
        sqlite {
            $0.prezeroed = 32 << 20
            $0.autocheckpoint = 0
            $0.tidyAfter = 250
        }
    ),
    (
        "grdb, zeroed",
        { directory in
            let settings = SQLiteSettings { $0.prezeroed = 32 << 20 }
            return try GRDBStore(
                path: directory + "/log",
                pragmas: settings.pragmas,
                schema: SQLiteSettings.schema,
                afterOpening: { try SQLiteSettings.fillWithZeros(directory + "/log-wal", upTo: settings.prezeroed) }
            )
        }
    ),
    ("lmdb", { try LMDBStore(path: $0) }),
]

func sqlite(_ change: @escaping @Sendable (inout SQLiteSettings) -> Void) -> Open {
    { try SQLiteStore(path: $0 + "/log", settings: SQLiteSettings(change)) }
}

/// A store being filled, with what was measured.
final class Subject {
    let name: String
    let store: any Store
    var last: UInt64 = 0
    var times: [UInt64] = []
    var tidying: [UInt64] = []

    init(_ name: String, _ directory: String, _ open: Open) throws {
        self.name = name
        let path = directory + "/" + name.filter { $0.isLetter || $0.isNumber }
        mkdir(path, 0o700)
        store = try open(path)
    }

    func append(
        _ payload: [UInt8],
        batch: Int,
        truncatingFrom: UInt64? = nil,
        droppingBelow: UInt64? = nil,
        timed: Bool = true
    ) throws {
        if let truncatingFrom { last = truncatingFrom - 1 }
        let entries = (1...UInt64(batch)).map {
            Entry(index: last + $0, term: 7, kind: 1, blockNumber: UInt32(last + $0), payload: payload)
        }
        let peer = Peer(term: 7, vote: 2, promise: 1_000_000, commit: last)
        let start = nanoseconds()
        try store.write(entries, peer: peer, truncatingFrom: truncatingFrom, droppingBelow: droppingBelow)
        let end = nanoseconds()
        if timed { times.append(end - start) }
        last += UInt64(batch)
        if try store.tidy() { tidying.append(nanoseconds() - end) }
    }
}

func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}

func quantile(_ times: [UInt64], _ part: Double) -> Double {
    guard !times.isEmpty else { return 0 }
    return Double(times.sorted()[min(times.count - 1, Int(Double(times.count) * part))]) / 1000
}

func report(_ title: String, _ subjects: [Subject]) {
    print("\n\(title): p50, p99, max in us; p50 by the floor (reused); at leisure: count, p50, max")
    let floor = subjects.first { $0.name == "floor, reused" }.map { quantile($0.times, 0.5) }
    defer { fflush(nil) }
    for subject in subjects {
        let half = quantile(subject.times, 0.5)
        var cells = [half, quantile(subject.times, 0.99), quantile(subject.times, 1)].map { pad("\(Int($0))", 8) }
        cells.append(pad(floor.map { "\(Double(Int(half / $0 * 100)) / 100)" } ?? "-", 6))
        if !subject.tidying.isEmpty {
            cells.append("\(subject.tidying.count), \(Int(quantile(subject.tidying, 0.5)))")
            cells.append("\(Int(quantile(subject.tidying, 1)))")
        }
        print("  " + pad(subject.name, 24) + cells.joined(separator: " "))
    }
}

func noise(_ count: Int) -> [UInt8] {
    var state: UInt64 = 88_172_645_463_325_252
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state)
    }
}

/// All candidates by turns, so that noise hits all alike.
func appendByTurns(_ directory: String, payload: Int, batch: Int, turns: Int, perTurn: Int) throws {
    let bytes = noise(payload)
    let place = "\(directory)/append-\(payload)-\(batch)"
    mkdir(place, 0o700)
    let subjects = try candidates.map { try Subject($0.name, place, $0.open) }
    for turn in 0..<turns {
        for offset in 0..<subjects.count {
            let subject = subjects[(turn + offset) % subjects.count]
            for _ in 0..<perTurn { try subject.append(bytes, batch: batch) }
        }
    }
    report("append \(payload) B x \(batch), \(turns * perTurn) commits", subjects)
    if batch == 1 {
        // Suffixes replaced, then reads of the tail, then a compaction in pieces while appending.
        let readers = subjects.filter { !$0.name.hasPrefix("floor") }
        for subject in readers { (subject.times, subject.tidying) = ([], []) }
        for _ in 0..<50 {
            for subject in readers {
                try subject.append(bytes, batch: 4, truncatingFrom: subject.last - 15)
                try subject.append(bytes, batch: 12, timed: false)
            }
        }
        report("truncate 16 and append 4 of \(payload) B", readers)
        for subject in readers { (subject.times, subject.tidying) = ([], []) }
        for _ in 0..<50 {
            for subject in readers {
                let start = nanoseconds()
                let entries = try subject.store.read(from: subject.last - 63, count: 64)
                subject.times.append(nanoseconds() - start)
                guard entries.count == 64, entries.last?.payload == bytes else { throw StoreError("read") }
            }
        }
        report("read 64 of \(payload) B from the tail", readers)
    }
    for subject in subjects { try subject.store.close() }
}

func compactByTurns(_ directory: String, payload: Int, entries: Int, piece: Int) throws {
    let bytes = noise(payload)
    let place = "\(directory)/compact-\(payload)-\(piece)"
    mkdir(place, 0o700)
    let chosen = candidates.filter { !$0.name.hasPrefix("floor") }
    let subjects = try chosen.map { try Subject($0.name, place, $0.open) }
    for subject in subjects {
        while subject.last < entries * 2 { try subject.append(bytes, batch: payload > 65536 ? 16 : 400, timed: false) }
        subject.tidying = []
    }
    for below in stride(from: piece + 1, through: entries + 1, by: piece) {
        for subject in subjects { try subject.append(bytes, batch: 1, droppingBelow: UInt64(below)) }
    }
    report("append one and drop \(piece) in one commit, until \(entries) of \(payload) B are gone", subjects)
    for subject in subjects { try subject.store.close() }
}

func fill(_ directory: String, count: Int, payload: Int) throws {
    let bytes = noise(payload)
    let batch = max(1, min(1000, (4 << 20) / payload))
    for candidate in candidates where ["sqlite, exclusive", "lmdb"].contains(candidate.name) {
        let subject = try Subject(candidate.name, directory, candidate.open)
        while subject.last < count { try subject.append(bytes, batch: batch, timed: false) }
        try subject.store.close()
    }
}

/// For a run under strace: nothing but commits.
func commits(_ directory: String, _ name: String, payload: Int, batch: Int, count: Int) throws {
    guard let candidate = candidates.first(where: { $0.name == name }) else { throw StoreError("which?") }
    let subject = try Subject(candidate.name, directory, candidate.open)
    let bytes = noise(payload)
    write(-1, "", 0)  // Shows in the trace where the commits begin and end.
    defer { print("\(subject.last) entries acknowledged") }
    for _ in 0..<count { try subject.append(bytes, batch: batch) }
    write(-1, "", 0)
}

/// Drops the file's pages from the cache of the system, so that the next open is a cold one.
func forget(_ path: String) {
    let descriptor = open(path, O_RDONLY)
    fsync(descriptor)
    posix_fadvise(descriptor, 0, 0, CInt(POSIX_FADV_DONTNEED))
    close(descriptor)
}

/// Start to end of programs that do nothing, by turns.
func startByTurns(_ programs: [String], turns: Int) {
    var times = [[UInt64]](repeating: [], count: programs.count)
    for _ in 0..<turns {
        for (position, program) in programs.enumerated() {
            var child: pid_t = 0
            var status: CInt = 0
            var arguments: [UnsafeMutablePointer<CChar>?] = [strdup(program), nil]
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
            let start = nanoseconds()
            posix_spawn(&child, program, &actions, nil, &arguments, nil)
            waitpid(child, &status, 0)
            times[position].append(nanoseconds() - start)
            posix_spawn_file_actions_destroy(&actions)
            free(arguments[0])
        }
    }
    print("\nstart: p50, p99 in us")
    for (position, program) in programs.enumerated() {
        let name = program.split(separator: "/").last.map(String.init) ?? program
        let cells = [quantile(times[position], 0.5), quantile(times[position], 0.99)].map { pad("\(Int($0))", 8) }
        print("  " + pad(name, 24) + cells.joined(separator: " "))
    }
}

func run(_ arguments: [String]) throws {
    let numbers = arguments.map { Int($0) ?? 0 }
    switch arguments.first {
    case "append":
        try appendByTurns(
            arguments[1], payload: numbers[2], batch: numbers[3], turns: numbers[4], perTurn: numbers[5]
        )
    case "compact": try compactByTurns(arguments[1], payload: numbers[2], entries: numbers[3], piece: numbers[4])
    case "fill": try fill(arguments[1], count: numbers[2], payload: numbers[3])
    case "commits":
        try commits(arguments[1], arguments[2], payload: numbers[3], batch: numbers[4], count: numbers[5])
    case "forget": arguments.dropFirst().forEach(forget)
    case "start": startByTurns(Array(arguments.dropFirst()), turns: 40)
    default: for candidate in candidates { print(candidate.name) }
    }
}

@main
enum Bench {
    static func main() {
        do {
            try run(Array(CommandLine.arguments.dropFirst()))
        } catch {
            print("failed: \(error)")
            exit(1)
        }
    }
}
