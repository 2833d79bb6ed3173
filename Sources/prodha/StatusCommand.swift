// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ArgumentParser
import Operations

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show every peer of every region, dead ones too, and where they disagree.",
        discussion: """
            Asks all peers at once, each with its own deadline. Above the table stands one sentence that says how things \
            are; marks: * the leader, x a peer that gave no status, ! what is not well.

            Exit codes: 0 every region is well; 1 the result could not be written; 2 degraded, something is not well; \
            64 usage; 69 no peer gave a status; 77 the peers refuse the token; 78 the configuration file cannot be used.
            """)

    @OptionGroup var target: TargetOptions

    @Flag(name: .shortAndLong, help: "Ask again every second, until ^C; the exit code is that of the last answers.")
    var watch = false

    func run() throws {
        let environment = Invocation.current.environment
        let inspector = try target.inspector(environment: environment)
        let terminal = Invocation.current.terminal
        let report = StatusReport(
            format: target.output, style: terminal.style(noColor: target.noColor, environment: environment))
        guard watch else {
            let view = ClusterView(inspector.inspectAndWait())
            try target.print(report.text(view, width: terminal.width))
            throw ExitCode(view.exitCode)
        }
        try repeatedly(inspector, report, terminal)
    }

    private func repeatedly(_ inspector: Inspector, _ report: StatusReport, _ terminal: Terminal) throws {
        let isPainted = terminal.kind == .full && target.output == .table
        let invocation = Invocation.current
        // In a session the cursor and ^C are the session's.
        let hidesCursor = isPainted && invocation.ownsProcess
        if hidesCursor { Cursor.hide() } else { invocation.endsOnInterrupt() }
        defer { if hidesCursor { Cursor.show() } }
        var screen = Screen()
        let clock = ContinuousClock()
        while !invocation.isStopped {
            let next = clock.now + .seconds(1)
            let view = ClusterView(inspector.inspectAndWait())
            if invocation.isStopped { return }
            Cursor.setExitCode(view.exitCode)
            if isPainted {
                let size = terminal.size ?? (rows: 24, columns: terminal.width)
                let lines = StatusScreen(width: size.columns, style: report.style).lines(view)
                try target.print(screen.repaint(lines, rows: size.rows, columns: size.columns))
            } else {
                try target.print(report.text(view, width: terminal.width, series: .repeated))
            }
            Pause.until(next, clock)
        }
    }
}
