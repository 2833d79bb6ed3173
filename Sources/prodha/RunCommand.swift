// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ArgumentParser
import Configuration
import Glibc
import Node
import Operations

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run one peer of a group.",
        discussion: """
            Takes EOSIO-Taurus's producer-ha-config file as it is. Runs in the foreground and logs to standard error. \
            SIGTERM hands leadership to another peer and ends; SIGHUP reads the file again.

            Exit codes: 0 after SIGTERM or SIGINT; 64 usage; 70 an impossible state, please report the facts it printed; \
            74 a disk that failed, data that is damaged, or a directory that cannot be opened; 75 data in use by another \
            process, a nodeos that another prodha of this machine guards, or an address that cannot be listened on; 78 \
            wrong configuration, data of another peer, of a group of another shape or of a newer version, or settings \
            that this version cannot honour.
            """)

    @Option(
        name: .long, help: ArgumentHelp("The configuration file, JSON or YAML.", valueName: "file"),
        completion: .configurationFile)
    var config: String

    @Option(
        name: .customLong("self"), help: ArgumentHelp("This peer's id; beats `self` in the file.", valueName: "id"),
        completion: .peers)
    var selfID: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where durable data is kept, made if missing; beats `data_dir` in the file.", valueName: "directory"),
        completion: .directory)
    var dataDir: String?

    func run() throws {
        guard let configuration = load() else { throw ExitCode.badConfiguration }
        let code = Daemon.run(configuration, environment: Invocation.current.environment) { load() }
        throw ExitCode(code)
    }

    private func load() -> Configuration? {
        let result = ConfigurationLoader.load(
            file: config, overrides: .init(selfID: selfID, dataDirectory: dataDir),
            environment: Invocation.current.environment, tlsCheck: TLSFilesCheck.check)
        for finding in result.diagnostics { Invocation.current.outlet.tell("\(finding)\n") }
        return result.configuration
    }
}
