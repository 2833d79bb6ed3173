// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import ArgumentParser
import FoundationEssentials
import Glibc
import Operations

struct FailoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failover",
        abstract: "Switch the active region: planned, or forced when the old one is lost.",
        discussion: """
            Looks first whether the switch would go through, shows each step with its deadline and its way back, and begins \
            when the region's name has been typed (or given with --confirm). A planned switch loses nothing: the old region \
            stops, and the new one goes on from its last block. What fails before the new region is active is rolled back. \
            Every step is in the logs of both regions, so that --resume or --rollback goes on from any machine. \
            ^C rolls back if it still can; a second ^C leaves it as it is and says so.

            --force is for a region that cannot be reached. "Unreachable" is not "stopped": it may produce until it hears of \
            the switch, and blocks that only it has are lost (prodha history --loss lists them).

            Exit codes: 0 done, it was so already, or a --dry-run that would begin; 1 other failure, such as a drill that \
            did not come back, or somebody else who changed the regions; 3 refused, nothing was done; 4 rolled back: the \
            old region goes on, or, forced, nothing was activated; 5 whether anything was done is unknown; 6 partly done, \
            --resume or --rollback goes on; 64 usage; 69 no peer could be asked; 77 the peers refuse the token; \
            78 the configuration file cannot be used.
            """)

    @Option(
        name: .long, help: ArgumentHelp("The region that is to be active.", valueName: "region"), completion: .regions)
    var region: String?

    @Flag(name: .long, help: "Show what would be done, and whether it would begin; change nothing.")
    var dryRun = false

    @Flag(name: .long, help: "Without the old region, which cannot be reached.")
    var force = false

    @Flag(name: .long, help: "With --force: blocks that only the old region has may be lost.")
    var acceptLoss = false

    @Flag(name: .long, help: "A rehearsal: there and back, with times measured.")
    var drill = false

    @Flag(name: .long, help: "Go on with the switch that has begun and not ended.")
    var resume = false

    @Flag(name: .long, help: "Undo the switch that has begun and not ended, if it still can be.")
    var rollback = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The region's name once more, instead of typing it; needed without a terminal.",
            valueName: "region"), completion: .regions)
    var confirm: String?

    @Option(name: .long, help: ArgumentHelp("Why; kept in the history for others, up to 512 bytes.", valueName: "text"))
    var reason: String?

    @OptionGroup var target: TargetOptions

    func validate() throws {
        if [force, drill, resume, rollback].count(where: { $0 }) > 1 {
            throw ValidationError("--force, --drill, --resume and --rollback exclude each other")
        }
        if let mistake = request.mistake { throw ValidationError(mistake) }
    }

    /// For a session: where the record goes, and whom to ask.
    @Option(name: .long, help: .hidden)
    var record: String?

    @Option(name: .long, help: .hidden)
    var known: String?

    var request: FailoverRequest {
        FailoverRequest(
            force ? .forced : drill ? .drill : resume ? .resume : rollback ? .rollBack : .planned, region: region,
            isDryRun: dryRun, confirmation: confirm, acceptsLoss: acceptLoss)
    }

    func run() throws {
        let environment = Invocation.current.environment
        let terminal = Invocation.current.terminal
        let report = FailoverReport(
            format: target.output, style: terminal.style(noColor: target.noColor, environment: environment),
            width: terminal.width)
        let recorder = try recorder()
        let isTold = target.output == .table || Invocation.current.errorTerminal.kind != .none
        let outlet = Invocation.current.outlet
        // Whoever looks on has seen the plan.
        var hasBegun = false
        let runner = FailoverRunner(
            try inspector(environment), who: ActOptions.whoami(environment), reason: reason,
            interruptions: { Interruptions.count },
            tell: { text in
                if hasBegun { recorder?.says(text) }
                if isTold { outlet.tell(text + "\n") }
            },
            ask: Invocation.current.ask,
            begins: {
                hasBegun = true
                Interruptions.catchThem()
            })
        let outcome = runner.run(request)
        if hasBegun { Interruptions.release() }
        recorder?.ended(outcome)
        try target.print(report.text(outcome))
        if outcome.kind.exitCode != 0, target.output == .table {
            Invocation.current.outlet.tell("prodha: \(outcome.message)\n")
        }
        throw ExitCode(outcome.kind.exitCode)
    }

    private func inspector(_ environment: [String: String]) throws -> Inspector {
        guard let known else { return try target.inspector(environment: environment) }
        guard let bytes = try? Data(contentsOf: URL(filePath: known)), let peers = KnownPeers(json: bytes) else {
            throw target.failure("cannot_read", "\(known) cannot be read", ExitCode.usage.rawValue)
        }
        // It was for this alone.
        unlink(known)
        do throws(CredentialsError) {
            return try Invocation.current.inspector(
                .known(peers), timeout: target.timeout.duration, target.credentials.choice)
        } catch {
            throw target.failure("credentials", "\(error)", ExitCode.badConfiguration.rawValue)
        }
    }

    /// For whoever began it and looks on.
    private func recorder() throws -> SwitchRecord.Writer? {
        guard let record else { return nil }
        do throws(SwitchRecord.Failure) {
            let writer = try SwitchRecord.Writer(record)
            let what =
                force
                ? "forced switch" : drill ? "drill" : resume ? "resumption" : rollback ? "rollback" : "planned switch"
            writer.says(
                "\(what)\(region.map { " to \($0)" } ?? ""), begun by \(ActOptions.whoami(Invocation.current.environment))"
            )
            return writer
        } catch {
            throw target.failure("cannot_write", "\(error)", ExitCode.cannotWrite.rawValue)
        }
    }
}
