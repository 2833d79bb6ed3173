// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ArgumentParser
import Node
import Operations

/// A span of time on the command line: 30s, 10m, 2h, 1d.
struct Span: ExpressibleByArgument {
    let seconds: Int64

    init?(argument: String) {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = argument.last.flatMap({ units[$0] }), let number = Int64(argument.dropLast()), number > 0,
            number <= 1_000_000
        else { return nil }
        seconds = number * unit
    }
}

struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Show the replicated log: blocks, changes of the region, operators, leaders.",
        discussion: """
            Committed entries alone. Without --from the newest ones. The log of a peer that does not run is read from its \
            data with --data-dir, which changes nothing there; what it holds beyond the committed entries is shown too, \
            and where it is damaged it ends. JSON is one document per line.

            Exit codes: 0 shown, also after ^C; 1 the data is damaged or cannot be read, or the result could not be \
            written; 64 usage; 69 no peer tells its log; 75 the data is in use by its peer, which should be asked; 77 the \
            peers refuse the token; 78 the configuration file cannot be used.
            """)

    @Option(name: .long, help: ArgumentHelp("The first entry.", valueName: "index"))
    var from: UInt64?

    @Option(name: .long, help: ArgumentHelp("The last entry.", valueName: "index"))
    var to: UInt64?

    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("At most so many entries; without --from 50.", valueName: "number"))
    var limit: UInt64?

    @Flag(name: .shortAndLong, help: "Go on with what comes, until ^C; outlives changes of the leader.")
    var follow = false

    @Option(
        name: .long, help: ArgumentHelp("This region; else that of the file.", valueName: "region"),
        completion: .regions)
    var region: String?

    @Option(
        name: .customLong("of"),
        help: ArgumentHelp("As this peer has it, an id or an API; else as the leader.", valueName: "peer"),
        completion: .peers)
    var peer: String?

    @Option(
        name: .long, help: ArgumentHelp("Read a stopped peer's data instead.", valueName: "directory"),
        completion: .directory)
    var dataDir: String?

    @Flag(name: .long, help: "One time line of what all peers tell: leaders, leases, operators, links, gaps.")
    var incident = false

    @Option(
        name: .long, help: ArgumentHelp("With --incident, the last 30s, 10m or 2h alone.", valueName: "time"))
    var since: Span?

    @OptionGroup var target: TargetOptions

    private static let tail: UInt64 = 50

    func validate() throws {
        if let from, let to, from > to { throw ValidationError("--from \(from) lies behind --to \(to)") }
        if from == 0 { throw ValidationError("the first entry is 1") }
        if limit == 0 { throw ValidationError("--limit 0 shows nothing") }
        if dataDir != nil, follow || peer != nil || region != nil {
            throw ValidationError("--data-dir goes with --from, --to and --limit alone")
        }
        if incident, follow || peer != nil || dataDir != nil || from != nil || to != nil || limit != nil {
            throw ValidationError("--incident goes with --since and --region alone")
        }
        if since != nil, !incident { throw ValidationError("--since goes with --incident") }
        if follow, to != nil { throw ValidationError("--follow has no end, so --to makes no sense") }
    }

    func run() throws {
        let environment = Invocation.current.environment
        let terminal = Invocation.current.terminal
        var report = LogReport(
            format: target.output, style: terminal.style(noColor: target.noColor, environment: environment),
            width: terminal.kind == .none ? nil : terminal.width)
        if incident { return try showIncident(terminal, environment) }
        if let dataDir { return try readOffline(dataDir, &report) }
        let range = LogRange(from: from, to: to, limit: limit ?? (from == nil ? Self.tail : nil))
        let feed = LogFeed(try target.inspector(environment: environment))
        if follow { Invocation.current.endsOnInterrupt() }
        do {
            try feed.read(
                range, region: region, peer: peer.map { PeerName($0) }, follows: follow,
                note: { target.note($0) },
                body: { try target.print(report.text($0)) })
        } catch let failure as LogFeed.Failure {
            throw target.failure(failure.name, "\(failure)", failure.exitCode)
        }
    }

    private func showIncident(_ terminal: Terminal, _ environment: [String: String]) throws {
        let progress = ProgressLine()
        let runner = ActRunner(try target.inspector(environment: environment), progress: progress.show)
        let found = runner.incident(region: region, lastSeconds: since?.seconds)
        progress.clear()
        guard let incident = found else {
            throw target.failure("unknown_region", "there is no region \(region ?? "")", ExitCode.usage.rawValue)
        }
        let report = IncidentReport(
            format: target.output, style: terminal.style(noColor: target.noColor, environment: environment),
            width: terminal.width)
        try target.print(report.text(incident))
        if incident.clocks.isEmpty, incident.items.isEmpty { throw ExitCode.unreachable }
    }

    private func readOffline(_ directory: String, _ report: inout LogReport) throws {
        let log: OfflineLog
        let progress = ProgressLine()
        progress.show("copying \(directory)")
        do {
            defer { progress.clear() }
            log = try OfflineLog(dataDirectory: directory)
        } catch {
            throw target.failure("cannot_read", error.words, error.exitCode)
        }
        var shown: UInt64 = 0
        var last: UInt64?
        do {
            guard let kept = try log.bounds() else {
                Invocation.current.outlet.tell("prodha: \(directory) holds no entries\n")
                return
            }
            var first = max(from ?? kept.lowerBound, kept.lowerBound)
            let end = min(to ?? kept.upperBound, kept.upperBound)
            let most = limit ?? (from == nil ? Self.tail : .max)
            if from == nil, end >= most { first = max(first, end - most + 1) }
            if log.commitIndex < end {
                Invocation.current.outlet.tell(
                    "prodha: what is known here to be committed ends at \(log.commitIndex)\n")
            }
            guard first <= end else { return }
            let through = most > end - first ? end : first + most - 1
            try log.entries(from: first, through: through) { entry in
                last = entry.index
                shown += 1
                try target.print(report.text([entry]))
            }
        } catch let error as OfflineLog.Failure {
            let place = last.map { "; the last sound entry shown is \($0)" } ?? ""
            throw target.failure("damaged", error.words + place, ExitCode.failure.rawValue)
        }
    }
}
