// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import ArgumentParser
import Lab
import Node
import Operations

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure commits, failover, recovery and memory on this machine.",
        discussion: """
            Starts a group of peers of its own on loopback, in a directory of its own, and commits blocks through their HTTP \
            API. It never touches a group that runs already, but it loads the machine: not for one that produces. \
            What the disk and the wire allow is measured beside it, by turns: other work on the machine hits all alike, so \
            ratios of one run count, not the times of two. \
            With --etcd, as many members of etcd take their turns with the same client, values of the same size, and \
            etcd's own defaults. \
            A failover's time is the longest without a commit, for a client that tries one peer after the other.

            Exit codes: 0 measured; 1 something failed, and the message says what; 64 usage; 130 ^C.
            """)

    enum Format: String, CaseIterable, ExpressibleByArgument {
        case table, json, svg
    }

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What to measure: \(BenchOptions.Measurement.allCases.map(\.rawValue).joined(separator: ", ")), separated "
                + "by commas. Default: all.", valueName: "list"))
    var only: String?

    @Option(name: .long, help: ArgumentHelp("Peers of the group, from 3 to 9.", valueName: "number"))
    var peers = 3

    @Option(name: .long, help: ArgumentHelp("Turns of each measurement of commits.", valueName: "number"))
    var rounds = 3

    @Option(
        name: .long,
        help: ArgumentHelp("Bytes of a block, from 256 to 4194304; several separated by commas.", valueName: "list"))
    var sizes = "256,4096,262144"

    @Option(
        name: .long, help: ArgumentHelp("Clients that commit at the same time; 1 for none such.", valueName: "number"))
    var clients = 64

    @Option(name: .long, help: ArgumentHelp("Length of a turn.", valueName: "seconds"))
    var seconds: Double = 3

    @Option(name: .long, help: ArgumentHelp("Times that the leader is killed, and told to end.", valueName: "number"))
    var kills = 5

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Commits before the measurements, all of which stay in the log; 0 for none.", valueName: "number"))
    var entries = 10_000

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How long commits are measured while others take every processor.", valueName: "seconds"))
    var busy = 30

    @Option(
        name: .long,
        help: ArgumentHelp("Clients that read the leader's events while blocks are committed.", valueName: "number"))
    var readers = 0

    @Option(
        name: .long, defaultAsFlag: "etcd",
        help: ArgumentHelp("An etcd to measure beside it: its path, or its name.", valueName: "path"),
        completion: .file())
    var etcd: String? = nil

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Another prodha to measure beside this one, such as the one before a change.", valueName: "path"),
        completion: .file())
    var beside: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where data is kept while it runs: on the disk in question. Default: $TMPDIR or /tmp.",
            valueName: "directory"), completion: .directory)
    var directory: String?

    @Option(name: .long, help: "How the figures are printed: table, json, or svg for a picture of the commits.")
    var output = Format.table

    private func options() throws -> BenchOptions {
        var options = BenchOptions()
        if let only {
            options.measurements = []
            for name in only.split(separator: ",") {
                guard let measurement = BenchOptions.Measurement(rawValue: String(name)) else {
                    throw ValidationError("--only: there is no measurement named \(name)")
                }
                options.measurements.insert(measurement)
            }
            if options.measurements.isEmpty { throw ValidationError("--only names no measurement") }
        }
        options.sizes = try sizes.split(separator: ",").map { text in
            guard let size = Int(text), BenchOptions.blockSizes.contains(size) else {
                throw ValidationError("--sizes: \(text) is not a number of bytes from 256 to 4194304")
            }
            return size
        }
        if options.sizes.isEmpty { throw ValidationError("--sizes names no size") }
        options.peers = try number(peers, "--peers", in: BenchOptions.peerCounts)
        options.rounds = try number(rounds, "--rounds", in: 1...1000)
        options.clients = try number(clients, "--clients", in: 1...1000)
        options.kills = try number(kills, "--kills", in: 1...1000)
        options.entries = try number(entries, "--entries", in: 0...10_000_000)
        options.readers = try number(readers, "--readers", in: 0...BenchOptions.mostReaders)
        options.busyTime = .seconds(try number(busy, "--busy", in: 1...86_400))
        guard (0.1...3600).contains(seconds) else {
            throw ValidationError("--seconds is a number of seconds from 0.1 to 3600")
        }
        options.turn = .milliseconds(Int64(seconds * 1000))
        options.etcd = etcd
        options.otherProgram = beside
        options.directory = directory
        return options
    }

    private func number(_ value: Int, _ name: String, in range: ClosedRange<Int>) throws -> Int {
        guard range.contains(value) else {
            throw ValidationError("\(name) is a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func validate() throws { _ = try options() }

    func run() throws {
        let invocation = Invocation.current
        invocation.stopsOnInterrupt()
        let isJSON = output == .json
        let outcome = Bench.run(
            try options(), version: "prodha \(Version.current)", environment: invocation.environment,
            isStopped: { invocation.isStopped }, tell: { invocation.note($0, isJSON: isJSON) })
        switch outcome {
        case .measured(let report):
            switch output {
            case .table: try invocation.outlet.write(report.table)
            case .json: try invocation.outlet.write(report.json)
            case .svg: try invocation.outlet.write(report.picture)
            }
        case .stopped: throw ExitCode(130)
        case .failed(let reason):
            invocation.fail("bench_failed", reason, exitCode: 1, isJSON: isJSON)
            throw ExitCode.failure
        }
    }
}
