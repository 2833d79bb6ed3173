import ArgumentParser
import Configuration
import Glibc
import Node

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run one peer of a group.",
        discussion: """
            Takes EOSIO-Taurus's producer-ha-config file as it is. Runs in the foreground and logs to standard error. \
            SIGTERM hands leadership to another peer and ends; SIGHUP reads the file again. \
            Exit codes: 0 after SIGTERM, 78 configuration, 75 data in use or a port taken, 74 a disk that failed, \
            70 an impossible state.
            """)

    @Option(name: .long, help: ArgumentHelp("The configuration file, JSON or YAML.", valueName: "file"))
    var config: String

    @Option(name: .customLong("self"), help: ArgumentHelp("This peer's id; beats `self` in the file.", valueName: "id"))
    var selfID: Int?

    @Option(name: .long, help: ArgumentHelp("Where durable data is kept; beats `data_dir`.", valueName: "directory"))
    var dataDir: String?

    func run() throws {
        guard let configuration = load() else { throw ExitCode.badConfiguration }
        let code = Daemon.run(configuration, environment: ProcessEnvironment.all) { load() }
        throw ExitCode(code)
    }

    private func load() -> Configuration? {
        let result = ConfigurationLoader.load(
            file: config, overrides: .init(selfID: selfID, dataDirectory: dataDir),
            environment: ProcessEnvironment.all, tlsCheck: TLSFilesCheck.check)
        for finding in result.diagnostics { StandardError.write("\(finding)\n") }
        return result.configuration
    }
}
