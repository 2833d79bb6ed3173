// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ArgumentParser
import Glibc
import Operations

/// What every command takes that changes something.
struct ActOptions: ParsableArguments {
    static let exitCodes = """
        Exit codes: 0 done, or it was so already; 1 tried, and things are as before; 3 refused, nothing was done; \
        5 unknown, `prodha history` shows whether it was done; 64 usage; 69 no peer could be asked, nothing was done; \
        77 the peers refuse the token; 78 the configuration file cannot be used; 130 after ^C, if nothing was done.
        """

    @OptionGroup var target: TargetOptions

    @Option(
        name: .long,
        help: ArgumentHelp("The region; else that of the configuration file or the peer.", valueName: "region"),
        completion: .regions)
    var region: String?

    @Option(name: .long, help: ArgumentHelp("Why; kept in the history for others, up to 512 bytes.", valueName: "text"))
    var reason: String?

    /// Carries it out, prints what became of it, and ends the command.
    func carryOut(_ act: Act) throws {
        let environment = Invocation.current.environment
        let progress = ProgressLine()
        let actor = ActRunner(try target.inspector(environment: environment), progress: progress.show)
        var random = SystemRandomNumberGenerator()
        let papers = ActPapers(
            operation: "\(act.name)-\(String(random.next(), radix: 36))", who: Self.whoami(environment), reason: reason)
        Invocation.current.stopsOnInterrupt()
        let outcome = actor.carryOut(act, region: region, papers)
        progress.clear()
        let text =
            switch target.output {
            case .json: outcome.document.json() + "\n"
            case .yaml: outcome.document.yaml()
            case .table, .tsv: outcome.message + "\n"
            }
        let isPlain = target.output == .table || target.output == .tsv
        if Invocation.current.isStopped || isPlain && outcome.kind.exitCode != 0 {
            Invocation.current.outlet.conclude((isPlain ? "prodha: " : "") + text)
        } else {
            try target.print(text)
        }
        throw ExitCode(outcome.kind.exitCode)
    }

    static func whoami(_ environment: [String: String]) -> String {
        let user = ["SUDO_USER", "LOGNAME", "USER"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        var name = [CChar](repeating: 0, count: 256)
        let host =
            gethostname(&name, name.count - 1) == 0
            ? String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
        let account = getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) }
        return "\(user ?? account ?? "uid \(getuid())")@\(host)"
    }
}

struct PauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Stop a region's production, until it is resumed.",
        discussion: """
            What was signed is committed first. The pause is in the replicated log: it outlives restarts and changes of the \
            leader, until `prodha resume`.

            \(ActOptions.exitCodes)
            """)

    @OptionGroup var options: ActOptions

    func run() throws { try options.carryOut(.pause) }
}

struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let a paused region produce again.",
        discussion: """
            The resumption is in the replicated log, as the pause is.

            \(ActOptions.exitCodes)
            """)

    @OptionGroup var options: ActOptions

    func run() throws { try options.carryOut(.resume) }
}

struct ConfirmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm",
        abstract: "Give your word that no other region produces.",
        discussion: """
            After a long silence an active region asks the others before it produces, and waits while one of them does not \
            answer (region_unconfirmed). This takes the place of that answer, so be sure: two regions that produce fork the \
            chain. Refused while another region says that it is active.

            \(ActOptions.exitCodes)
            """)

    @OptionGroup var options: ActOptions

    func run() throws { try options.carryOut(.confirm) }
}

struct TransferCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer",
        abstract: "Move leadership to another peer of the region.",
        discussion: """
            Finds the leader, which commits what it has signed and hands over; waits until the other peer leads and \
            says how many time slots went without a block. A peer that is behind or not well is refused.

            \(ActOptions.exitCodes)
            """)

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The new leader's id or API; else the peer that is closest behind and well.", valueName: "peer"),
        completion: .peers)
    var to: String?

    @OptionGroup var options: ActOptions

    func run() throws { try options.carryOut(.transfer(to: to.map { PeerName($0) })) }
}

struct MaintenanceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintenance",
        abstract: "Keep a peer from leading, or let it lead again.",
        discussion: """
            A peer in maintenance keeps its vote and its log. It takes no leadership while another peer can have it; if it \
            leads it hands over first. Beginning it is refused when no other peer could lead.

            \(ActOptions.exitCodes)
            """)

    enum Switch: String, ExpressibleByArgument, CaseIterable { case on, off }

    @Argument(help: "Begin it or end it.")
    var state: Switch

    @Argument(help: ArgumentHelp("The peer's id or API.", valueName: "peer"), completion: .peers)
    var peer: String

    @OptionGroup var options: ActOptions

    func run() throws { try options.carryOut(.maintenance(PeerName(peer), isOn: state == .on)) }
}

struct HistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show who changed what and who led, as the replicated log has it.",
        discussion: """
            The latest hundred actions and the latest hundred leaders of each region. Times are those of the peers that \
            wrote them. With --loss, after a forced switch: the blocks that only the old region has, with the ids of their \
            transactions.

            Exit codes: 0 shown; 1 the result could not be written; 64 usage; 69 no peer of a region tells its history; \
            77 the peers refuse the token; 78 the configuration file cannot be used.
            """)

    @OptionGroup var target: TargetOptions

    @Option(name: .long, help: ArgumentHelp("This region alone.", valueName: "region"), completion: .regions)
    var region: String?

    @Flag(name: .long, help: "The blocks that are in a region alone, because another one went on without it.")
    var loss = false

    func run() throws {
        let environment = Invocation.current.environment
        let terminal = Invocation.current.terminal
        let style = terminal.style(noColor: target.noColor, environment: environment)
        let runner = ActRunner(try target.inspector(environment: environment))
        if loss {
            let losses = runner.losses(region: region)
            guard !losses.isEmpty else { throw unknownRegion }
            let report = LossReport(format: target.output, style: style, width: terminal.width)
            try target.print(report.text(losses))
            if losses.contains(where: \.isDenied) { throw ExitCode.denied }
            if losses.contains(where: { $0.document == nil }) { throw ExitCode.unreachable }
            return
        }
        let histories = runner.histories(region: region)
        guard !histories.isEmpty else { throw unknownRegion }
        let report = HistoryReport(format: target.output, style: style, width: terminal.width)
        try target.print(report.text(histories))
        if histories.contains(where: \.isDenied) { throw ExitCode.denied }
        if histories.contains(where: { $0.teller == nil }) { throw ExitCode.unreachable }
    }

    private var unknownRegion: ExitCode {
        target.failure("unknown_region", "there is no region \(region ?? "")", ExitCode.usage.rawValue)
    }
}
