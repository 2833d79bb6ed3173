// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ArgumentParser
import Lab
import Operations

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Watch two regions of three peers lose leaders, be switched, and go on.",
        discussion: """
            Starts two regions of three peers each on loopback, and block producers that have a block committed every half \
            second by the active region. Kills the leader with SIGKILL, shows who took over and how long no block was \
            committed, and brings the peer back. Then it switches the active region with prodha failover, as an operator \
            would: to the other one, back again, and by force, after the whole active region was killed. That one \
            comes back, gives way, and tells which blocks only it has. Then all over again. \
            Kill a peer yourself while it runs: the screen names the processes. \
            On a terminal it paints a live screen, else it prints a line per event. \
            At the end it compares the logs of all peers: they must have one chain, but for what was told as lost. \
            With --nodeos there is one region, and a real nodeos beside each peer, all with one producer's key; an outside \
            one follows through the peers' gates while transactions flow. A leader is then killed together with its nodeos, \
            and at the end the chains of all nodeos are compared too. \
            ^C ends it in order, a second ^C at once, without comparing the logs.

            Exit codes: 0 no height has two blocks and every acknowledged block is there, except what a forced switch \
            lost and the region told; 1 otherwise, or it could not run; 64 usage.
            """)

    @Option(
        name: .long, defaultAsFlag: "nodeos",
        help: ArgumentHelp(
            "A nodeos beside each peer makes the blocks: its path, or a name in PATH; nodeos when none is given.",
            valueName: "path"), completion: .file())
    var nodeos: String? = nil

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where configuration, data and logs are kept and left behind. Default: a fresh directory in $TMPDIR or "
                + "/tmp, removed at the end unless something went wrong.", valueName: "directory"),
        completion: .directory)
    var directory: String?

    @Option(
        name: .long, help: ArgumentHelp("End after so long, from 1 to 1000000. Default: at ^C.", valueName: "seconds"))
    var duration: Double?

    @Option(
        name: .long, help: ArgumentHelp("From one death or switch to the next, from 1 to 86400.", valueName: "seconds"))
    var killEvery: Double = 8

    @Flag(name: .long, help: "Kill nobody and switch nothing.")
    var noKill = false

    @Flag(name: .long, help: "End when each death and switch has been shown once.")
    var once = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "From one block to the next, from 100 to 10000, without --nodeos. Default: 500, as nodeos has it.",
            valueName: "milliseconds"))
    var blockIntervalMS: Int64?

    @Flag(name: .long, help: "No colours. (environment: NO_COLOR)")
    var noColor = false

    @Option(name: .long, help: .hidden)
    var peerOf: Int32?

    @Argument(parsing: .postTerminator, help: .hidden)
    var peerArguments: [String] = []

    func validate() throws {
        if once, noKill { throw ValidationError("--once and --no-kill exclude each other") }
        if let duration, !(1...1_000_000).contains(duration) {
            throw ValidationError("--duration is a number of seconds from 1 to 1000000")
        }
        guard (1...86_400).contains(killEvery) else {
            throw ValidationError("--kill-every is a number of seconds from 1 to 86400")
        }
        let intervals = DemoOptions.blockIntervalsMS
        guard blockIntervalMS == nil || nodeos == nil else {
            throw ValidationError("--block-interval-ms is not for --nodeos, which makes a block every 500 ms")
        }
        guard intervals.contains(blockIntervalMS ?? 500) else {
            throw ValidationError(
                "--block-interval-ms is a number of milliseconds from \(intervals.lowerBound) to "
                    + "\(intervals.upperBound)")
        }
    }

    func run() throws {
        if let peerOf { throw ExitCode(Leash.become(peerArguments, of: peerOf)) }
        var options = DemoOptions()
        options.directory = directory
        options.duration = duration.map { .milliseconds(Int64($0 * 1000)) }
        options.killEvery = noKill ? nil : .milliseconds(Int64(killEvery * 1000))
        if let blockIntervalMS { options.blockIntervalMS = blockIntervalMS }
        options.isOnce = once
        options.nodeos = nodeos
        options.usesColor = !noColor
        throw ExitCode(Demo.run(options, environment: Invocation.current.environment))
    }
}
