// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope
import FoundationEssentials
import Glibc

/// Why a benchmark cannot begin, or go on.
struct BenchFailure: Error, CustomStringConvertible {
    var description: String
}

/// A group of processes on loopback that commits what it is given.
protocol BenchGroup: AnyObject {
    var name: String { get }
    var servers: BenchServers { get }
    /// The member that takes commits now; nil while none does.
    func leader() -> Int?
    /// Makes so many of the next requests now.
    func prepare(_ count: Int, bytes: Int) throws
    /// A request that commits so many bytes more, at any member.
    func request(bytes: Int) throws -> [UInt8]
    func verdict(of answer: LoadConnection.Answer) throws -> LoadVerdict
    /// A request that is answered for ever with what happens.
    var listenRequest: [UInt8] { get }
    /// How many commits a member knows of; nil when it does not answer.
    func committed(at member: Int) -> UInt64?
    /// A member's term; nil when it does not answer.
    func term(at member: Int) -> UInt64?
}

/// What became of a request.
enum LoadVerdict {
    case committed
    /// It has to be sent again as it is: what comes before it has not come yet.
    case again
    /// It has to be sent again, to another member.
    case elsewhere
}

extension BenchGroup {
    private static var patience: Duration { .seconds(30) }

    /// The member that takes commits, as soon as there is one.
    func awaitLeader(_ isStopped: () -> Bool) throws -> Int {
        let end = LoadClock.now() + Self.patience.inNanoseconds
        while LoadClock.now() < end {
            if let leader = leader() { return leader }
            if isStopped() { throw BenchStopped() }
            try servers.complainOfTheDead()
            usleep(5_000)
        }
        throw BenchFailure(description: "no leader within 30 s; see the logs in \(servers.directory)")
    }

    /// Until every member knows of all that any of them does.
    func awaitAgreement(_ isStopped: () -> Bool) throws {
        let end = LoadClock.now() + Self.patience.inNanoseconds
        while LoadClock.now() < end {
            let known = servers.members.map { committed(at: $0) }
            if let first = known.first, first != nil, known.allSatisfy({ $0 == first }), leader() != nil { return }
            if isStopped() { throw BenchStopped() }
            usleep(10_000)
        }
        throw BenchFailure(description: "the members do not agree within 30 s; see the logs in \(servers.directory)")
    }
}

/// Requests of one size that were made before they are wanted.
struct Stock<Item> {
    private var bytes = 0
    private var items: [Item] = []
    private var next = 0

    /// Until there are so many.
    /// - Parameter make: is given the last one that is there.
    mutating func fill(_ count: Int, bytes: Int, _ make: (_ last: Item?) throws -> Item) rethrows {
        if self.bytes != bytes { self = Stock() }
        self.bytes = bytes
        guard items.count - next < count else { return }
        items.removeFirst(next)
        next = 0
        while items.count < count { items.append(try make(items.last)) }
    }

    /// To be filled before.
    mutating func take() -> Item {
        defer { next += 1 }
        return items[next]
    }
}

/// The processes of a group: one per member, each with a directory of its own.
final class BenchServers {
    let directory: String
    let members: [Int]
    private let command: (Int) -> [String]
    private var running: [Int: ChildProcess] = [:]
    private(set) var ports: [Int: Int]

    /// - Parameters:
    ///   - ports: of the members' HTTP servers.
    ///   - command: the program of a member and its arguments.
    init(directory: String, ports: [Int: Int], command: @escaping (Int) -> [String]) {
        self.directory = directory
        members = ports.keys.sorted()
        self.ports = ports
        self.command = command
    }

    func start(_ member: Int) throws {
        let program = Leash.program
        running[member] = try ChildProcess.start(
            program, Leash.arguments(program, command(member)), logFile: logFile(of: member))
    }

    func startAll() throws { for member in members { try start(member) } }

    func logFile(of member: Int) -> String { "\(directory)/\(member).log" }

    func pid(of member: Int) -> Int32? { running[member]?.pid }

    func signal(_ number: Int32, to member: Int) { running[member]?.signal(number) }

    func kill(_ member: Int) throws {
        running[member]?.signal(SIGKILL)
        try awaitEnd(of: member)
    }

    /// Waits for a process that was told to end.
    func awaitEnd(of member: Int) throws {
        let end = LoadClock.now() + Duration.seconds(20).inNanoseconds
        while let process = running[member] {
            if process.ended() != nil { running[member] = nil }
            guard LoadClock.now() < end else {
                throw BenchFailure(description: "member \(member) does not end; see \(logFile(of: member))")
            }
            usleep(1_000)
        }
    }

    func isRunning(_ member: Int) -> Bool {
        guard let process = running[member] else { return false }
        if process.ended() != nil { running[member] = nil }
        return running[member] != nil
    }

    /// A member that ended by itself makes every figure worthless.
    func complainOfTheDead() throws {
        for member in members where running[member] != nil && !isRunning(member) {
            let log = ChildProcess.tail(of: logFile(of: member), lines: 3).joined(separator: " | ")
            throw BenchFailure(description: "member \(member) ended: \(log)")
        }
    }

    func stop() {
        for process in running.values { process.signal(SIGKILL) }
        for member in members { try? awaitEnd(of: member) }
    }
}

/// Three peers of this program, or more, that commit a chain of blocks.
final class ProdhaGroup: BenchGroup {
    let name: String
    let servers: BenchServers
    private var slot: UInt32 = 1_000_000
    /// The last block that was given out.
    private var given: BlockID?
    /// Blocks that follow it.
    private var stock = Stock<(request: [UInt8], id: BlockID)>()
    private let producer: Name

    /// - Parameters:
    ///   - program: the file of the prodha that is measured.
    ///   - settings: keys of the configuration beside the peers, as JSON's members.
    init(_ name: String, program: String, directory: String, peers: Int, settings: [String]) throws {
        self.name = name
        let members = Array(1...peers)
        let ports = try FreePorts.take(2 * peers)
        let entries = members.map { member in
            #"{"id": \#(member), "address": "127.0.0.1:\#(ports[2 * member - 2])", "#
                + #""api": "127.0.0.1:\#(ports[2 * member - 1])"}"#
        }
        let keys =
            [
                #""is_active_raft_cluster": true"#, #""leader_election_quorum_size": \#(peers / 2 + 1)"#,
                #""peers": [\#(entries.joined(separator: ", "))]"#,
            ] + settings
        let file = directory + "/group.json"
        try BenchFiles.write("{\n  \(keys.joined(separator: ",\n  "))\n}\n", to: file)
        servers = BenchServers(
            directory: directory, ports: Dictionary(uniqueKeysWithValues: members.map { ($0, ports[2 * $0 - 1]) })
        ) { member in
            [
                program, "run", "--config", file, "--self", "\(member)", "--data-dir",
                "\(directory)/\(member)",
            ]
        }
        producer = try Name("prodhabench")
    }

    func leader() -> Int? {
        servers.members.first { member in
            servers.isRunning(member)
                && ask(member, "GET", "/v1/prodha/can_produce", CanProduceDocument.self)?.canProduce == true
        }
    }

    func committed(at member: Int) -> UInt64? {
        ask(member, "GET", "/v1/prodha/status", StatusDocument.self)?.raft.commitIndex
    }

    func prepare(_ count: Int, bytes: Int) throws {
        try stock.fill(count, bytes: bytes) { try block(of: bytes, behind: $0?.id ?? given) }
    }

    func request(bytes: Int) throws -> [UInt8] {
        try prepare(1, bytes: bytes)
        let block = stock.take()
        given = block.id
        return block.request
    }

    private func block(of bytes: Int, behind last: BlockID?) throws -> (request: [UInt8], id: BlockID) {
        slot += 1
        let timestamp = BlockTimestamp(slot: slot)
        let builder =
            try last.map { BlockBuilder(previous: $0, timestamp: timestamp, producer: producer) }
            ?? BlockBuilder(startingAt: 2, timestamp: timestamp, producer: producer)
        let block = try builder.build(paddedTo: bytes)
        let request = BenchFiles.request("POST", "/v1/prodha/commit_block", "application/octet-stream", block)
        return (request, try BlockHeader(parsingPrefixOf: block).id)
    }

    func term(at member: Int) -> UInt64? {
        ask(member, "GET", "/v1/prodha/status", StatusDocument.self)?.raft.term
    }

    func verdict(of answer: LoadConnection.Answer) throws -> LoadVerdict {
        if answer.status == 200 { return .committed }
        guard let document = try? ErrorDocument(json: answer.body) else {
            throw BenchFailure(description: "a block was answered with status \(answer.status)")
        }
        switch CommitBlockReason(rawValue: document.error.name) {
        case .unlinkable, .overloaded: return .again
        case .notLeader, .noQuorum, .leaseExpired, .leaseWait, .termNotApplied, .draining, .shuttingDown,
            .leadershipLost:
            return .elsewhere
        default: throw BenchFailure(description: "a block was refused: \(document.error.name)")
        }
    }

    var listenRequest: [UInt8] { BenchFiles.request("GET", "/v1/prodha/events", "application/json", []) }

    private func ask<Answer: Document>(_ member: Int, _ method: String, _ path: String, _ type: Answer.Type) -> Answer?
    {
        BenchFiles.ask(servers.ports[member] ?? 0, method, path, "application/json", [])
            .flatMap { try? Answer(json: $0.body) }
    }
}

/// As many members of etcd, which commit values by its JSON gateway.
final class EtcdGroup: BenchGroup {
    let name = "etcd"
    let servers: BenchServers
    private var count = 0
    private var value: (bytes: Int, text: String) = (0, "")
    private var stock = Stock<[UInt8]>()

    init(program: String, directory: String, peers: Int) throws {
        let members = Array(1...peers)
        let ports = try FreePorts.take(2 * peers)
        let list = members.map { "m\($0)=http://127.0.0.1:\(ports[2 * $0 - 2])" }.joined(separator: ",")
        servers = BenchServers(
            directory: directory, ports: Dictionary(uniqueKeysWithValues: members.map { ($0, ports[2 * $0 - 1]) })
        ) { member in
            let link = "http://127.0.0.1:\(ports[2 * member - 2])"
            let clients = "http://127.0.0.1:\(ports[2 * member - 1])"
            return [
                program, "--name", "m\(member)", "--data-dir", "\(directory)/\(member)", "--listen-peer-urls", link,
                "--initial-advertise-peer-urls", link, "--listen-client-urls", clients, "--advertise-client-urls",
                clients, "--initial-cluster", list, "--logger", "zap", "--log-level", "error",
            ]
        }
    }

    func leader() -> Int? {
        servers.members.first { member in
            guard servers.isRunning(member), let status = status(of: member) else { return false }
            return status.leader != "0" && status.leader == status.member
        }
    }

    func committed(at member: Int) -> UInt64? {
        servers.isRunning(member) ? status(of: member).flatMap { UInt64($0.index) } : nil
    }

    func term(at member: Int) -> UInt64? { status(of: member).flatMap { UInt64($0.term) } }

    private func status(of member: Int) -> (member: String, leader: String, index: String, term: String)? {
        guard
            let answer = BenchFiles.ask(
                servers.ports[member] ?? 0, "POST", "/v3/maintenance/status", "application/json", Array("{}".utf8)),
            answer.status == 200
        else { return nil }
        let text = String(decoding: answer.body, as: UTF8.self)
        guard let id = BenchFiles.text("member_id", in: text) else { return nil }
        return (
            id, BenchFiles.text("leader", in: text) ?? "0", BenchFiles.text("raftAppliedIndex", in: text) ?? "0",
            BenchFiles.text("raftTerm", in: text) ?? "0"
        )
    }

    func prepare(_ count: Int, bytes: Int) { stock.fill(count, bytes: bytes) { _ in put(bytes) } }

    func request(bytes: Int) -> [UInt8] {
        prepare(1, bytes: bytes)
        return stock.take()
    }

    private func put(_ bytes: Int) -> [UInt8] {
        count += 1
        // Base64 of zeros: its length is what counts.
        if value.bytes != bytes { value = (bytes, String(repeating: "AAAA", count: bytes / 3)) }
        let key = String(repeating: "A", count: 4 * 4 - "\(count % 1000)".count) + "\(count % 1000)"
        let body = Array(#"{"key":"\#(key)","value":"\#(value.text)"}"#.utf8)
        return BenchFiles.request("POST", "/v3/kv/put", "application/json", body)
    }

    func verdict(of answer: LoadConnection.Answer) throws -> LoadVerdict {
        switch answer.status {
        case 200: return .committed
        // Without a leader, or with one that went in the middle of it.
        case 408, 500, 503, 504: return .elsewhere
        default: throw BenchFailure(description: "etcd answered with status \(answer.status)")
        }
    }

    var listenRequest: [UInt8] {
        let all = Array(#"{"create_request":{"key":"AA==","range_end":"AA=="}}"#.utf8)
        return BenchFiles.request("POST", "/v3/watch", "application/json", all)
    }
}

/// What the groups share.
enum BenchFiles {
    static func write(_ text: String, to path: String) throws {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        } catch {
            throw BenchFailure(description: "cannot write \(path): \(Workplace.reason(error))")
        }
    }

    static func request(_ method: String, _ path: String, _ type: String, _ body: [UInt8]) -> [UInt8] {
        Array(
            ("\(method) \(path) HTTP/1.1\r\nhost: localhost\r\ncontent-type: \(type)\r\n"
                + "content-length: \(body.count)\r\n\r\n").utf8) + body
    }

    /// One question over a connection of its own; nil when there is no answer.
    static func ask(
        _ port: Int, _ method: String, _ path: String, _ type: String, _ body: [UInt8]
    ) -> LoadConnection.Answer? {
        guard let connection = try? LoadConnection(port: port) else { return nil }
        return try? connection.ask(request(method, path, type, body), within: .seconds(1))
    }

    /// The text of a member in JSON that this program's own reader would not take, as it is another program's.
    static func text(_ name: String, in json: String) -> String? {
        guard let found = json.firstRange(of: "\"\(name)\":\"") else { return nil }
        return String(json[found.upperBound...].prefix { $0 != "\"" })
    }
}
