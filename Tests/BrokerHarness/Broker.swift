// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Foundation
import NIOConcurrencyHelpers

@testable import Harness

struct BrokerError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A real rabbitmq-server on loopback, with a directory, a node's name, ports and an epmd of its own.
final class Broker: Sendable {
    /// Everything that a broker does is waited for this long at most; it takes some seconds on a machine at rest.
    static let bound = Duration.seconds(60)

    private static let server = "/usr/lib/rabbitmq/bin/rabbitmq-server"

    /// Files in PEM form for a listener with TLS.
    struct TLS: Sendable {
        let rootsFile: String
        let certificateFile: String
        let keyFile: String
        /// Refuses clients without a certificate.
        var wantsCertificate = false
    }

    let port: Int
    /// nil: without TLS.
    let tlsPort: Int?
    let directory: URL
    private let environment: [String: String]
    private let epmd: ChildProcess
    private let process = NIOLockedValueBox<ChildProcess?>(nil)

    private init(tls: TLS?) async throws {
        for file in [Self.server, "/usr/bin/epmd", "/usr/bin/setpriv"]
        where !FileManager.default.isExecutableFile(atPath: file) {
            throw BrokerError("\(file) is missing; `make packages` installs it (Debian: rabbitmq-server, util-linux)")
        }
        let name = "prodha-" + UUID().uuidString.prefix(8)
        directory = FileManager.default.temporaryDirectory.appending(path: name)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        Leftovers.shared.note(directory)
        let ports = try Ports.free(4)
        port = ports[0]
        tlsPort = tls.map { _ in ports[3] }

        var configuration = "listeners.tcp.1 = 127.0.0.1:\(ports[0])\n"
        if let tls {
            configuration += """
                listeners.ssl.1 = 127.0.0.1:\(ports[3])
                ssl_options.cacertfile = \(tls.rootsFile)
                ssl_options.certfile = \(tls.certificateFile)
                ssl_options.keyfile = \(tls.keyFile)
                ssl_options.verify = \(tls.wantsCertificate ? "verify_peer" : "verify_none")
                ssl_options.fail_if_no_peer_cert = \(tls.wantsCertificate)

                """
        }
        let file = directory.appending(path: "rabbitmq.conf")
        try configuration.write(to: file, atomically: false, encoding: .utf8)
        let plugins = directory.appending(path: "enabled_plugins")
        try "[].\n".write(to: plugins, atomically: false, encoding: .utf8)
        // Without it the machine's own is read.
        let empty = directory.appending(path: "rabbitmq-env.conf")
        try "".write(to: empty, atomically: false, encoding: .utf8)
        environment = [
            "HOME": directory.path, "RABBITMQ_CONF_ENV_FILE": empty.path, "RABBITMQ_BASE": directory.path,
            "RABBITMQ_CONFIG_FILE": file.path, "RABBITMQ_ENABLED_PLUGINS_FILE": plugins.path,
            "RABBITMQ_MNESIA_BASE": directory.appending(path: "mnesia").path,
            "RABBITMQ_LOG_BASE": directory.appending(path: "log").path, "RABBITMQ_LOGS": "-",
            "RABBITMQ_PLUGINS_EXPAND_DIR": directory.appending(path: "plugins").path,
            "RABBITMQ_PID_FILE": directory.appending(path: "pid").path,
            "RABBITMQ_FEATURE_FLAGS_FILE": directory.appending(path: "feature_flags").path,
            "RABBITMQ_NODENAME": "\(name)@localhost", "RABBITMQ_DIST_PORT": "\(ports[1])",
            "ERL_EPMD_PORT": "\(ports[2])", "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            // The script then becomes the broker, in place of waiting for it.
            "RABBITMQ_ALLOW_INPUT": "1",
        ]
        // An epmd that the broker starts stays for ever.
        epmd = try await ChildProcess.start(
            ["/usr/bin/epmd", "-address", "127.0.0.1", "-port", "\(ports[2])"], in: directory,
            output: directory.appending(path: "epmd.log"), errors: directory.appending(path: "epmd.log"))
        let epmdPort = ports[2]
        try await eventually("epmd listens", within: Self.bound) {
            _ = try Socket(port: epmdPort, deadline: .now + .seconds(1))
            return true
        }
    }

    /// Starts one with no queue, the user guest with the password guest, and the virtual host `/`.
    static func start(tls: TLS? = nil) async throws -> Broker {
        let broker = try await Broker(tls: tls)
        try await broker.start()
        return broker
    }

    /// For tests that leave the broker alone.
    static func shared() async throws -> Broker { try await sharedBroker.value }

    private static let sharedBroker = Task { try await Broker.start() }

    deinit {
        process.withLockedValue { $0?.killGroup() }
        epmd.killGroup()
        try? FileManager.default.removeItem(at: directory)
    }

    // MARK: - The process

    /// Starts it again, with the data that there is.
    func start() async throws {
        let log = log
        let before = (try? Data(contentsOf: log).count) ?? 0
        let started = try await ChildProcess.start(
            [Self.server, "-noinput", "-start_epmd", "false"], in: directory, output: log, errors: log,
            environment: environment)
        process.withLockedValue { $0 = started }
        do {
            try await eventually("the broker has started", within: Self.bound) {
                guard started.runs else { throw BrokerError("it has ended") }
                let text = String(decoding: try Data(contentsOf: log).dropFirst(before), as: UTF8.self)
                return text.contains("Server startup complete")
            }
        } catch {
            let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
            throw BrokerError("\(error); the end of \(log.path):\n\(text.suffix(3000))")
        }
    }

    var log: URL { directory.appending(path: "broker.log") }

    private func current() throws -> ChildProcess {
        guard let process = process.withLockedValue({ $0 }) else { throw BrokerError("the broker was not started") }
        return process
    }

    /// Asks it to end, by SIGTERM, and waits for that.
    func stop() async throws {
        let process = try current()
        process.send(SIGTERM)
        try await process.end(within: Self.bound)
    }

    /// kill -9.
    func kill() async throws {
        let process = try current()
        process.killGroup()
        try await process.end(within: Self.bound)
    }

    func restart() async throws {
        try await stop()
        try await start()
    }

    /// By SIGSTOP: connections stay, and nothing is answered.
    func suspend() throws { try current().send(SIGSTOP) }

    func resume() throws { try current().send(SIGCONT) }

    /// Runs rabbitmqctl, which takes a second or two.
    func control(_ arguments: String...) async throws {
        let output = directory.appending(path: "rabbitmqctl.log")
        let process = try await ChildProcess.start(
            ["/usr/lib/rabbitmq/bin/rabbitmqctl"] + arguments, in: directory, output: output, errors: output,
            environment: environment)
        guard try await process.end(within: Self.bound) == .exit(0) else {
            throw BrokerError("rabbitmqctl \(arguments): \(try String(contentsOf: output, encoding: .utf8))")
        }
    }

    // MARK: - Its queues

    /// `amqp://guest:guest@127.0.0.1:…`
    func address(user: String = "guest", password: String = "guest", path: String = "") -> String {
        "amqp://\(user):\(password)@127.0.0.1:\(port)\(path)"
    }

    /// A durable one.
    func declare(_ queue: String) async throws { try await client { try $0.declare(queue) } }

    func delete(_ queue: String) async throws { try await client { try $0.delete(queue) } }

    /// Messages that wait: not those that were delivered and not acknowledged.
    func depth(_ queue: String) async throws -> Int { try await client { try $0.depth(queue) } }

    /// Persistent ones. Returns when the broker has confirmed them all.
    func publish(_ messages: [BrokerMessage], to queue: String) async throws {
        try await client { try $0.publish(messages, to: queue) }
    }

    /// Takes all messages that wait, up to `limit`, out of the queue.
    func take(_ limit: Int = .max, from queue: String) async throws -> [BrokerMessage] {
        try await client { try $0.take(limit, from: queue) }
    }

    /// On a connection of its own.
    func client<Value: Sendable>(_ body: @escaping @Sendable (BrokerClient) throws -> Value) async throws -> Value {
        let port = port
        return try await offload {
            let client = try BrokerClient(port: port)
            return try body(client)
        }
    }
}

/// Directories of brokers that still are when the test process ends.
private final class Leftovers: Sendable {
    static let shared = Leftovers()
    private let directories = NIOLockedValueBox<[URL]>([])

    private init() { atexit { Leftovers.shared.remove() } }

    func note(_ directory: URL) { directories.withLockedValue { $0.append(directory) } }

    private func remove() {
        for directory in directories.withLockedValue({ $0 }) { try? FileManager.default.removeItem(at: directory) }
    }
}
