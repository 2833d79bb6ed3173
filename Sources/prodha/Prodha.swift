// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The executable: one small file per command, no logic.

import ArgumentParser
import Node

@main
struct Prodha: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prodha",
        abstract: "High availability for block producers of EOSIO-style chains.",
        discussion: """
            Several block producers with one key form a Raft group. One of them at a time holds a lease and may produce, \
            and every block is committed by a quorum before anyone sees it.
            """,
        version: "prodha \(Version.current)",
        subcommands: [
            RunCommand.self, StatusCommand.self, FailoverCommand.self, LogCommand.self, HistoryCommand.self,
            TransferCommand.self,
            PauseCommand.self,
            ResumeCommand.self, ConfirmCommand.self, MaintenanceCommand.self, ValidateCommand.self, BundleCommand.self,
            ConsoleCommand.self, DemoCommand.self, BenchCommand.self,
        ]
    )
}

extension ExitCode {
    /// Codes of the commands that look or act; those of `run` are with the daemon.
    static let degraded = ExitCode(2)
    static let usage = ExitCode(64)
    static let unreachable = ExitCode(69)
    static let cannotWrite = ExitCode(74)
    static let denied = ExitCode(77)
    static let badConfiguration = ExitCode(78)
}
