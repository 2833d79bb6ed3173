// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import CThread
import Configuration
import Glibc
import HTTP
import Logging
import NIOCore
import NIOPosix
import Raft
import Storage
import Transport

/// Runs one peer until it is told to end. The exit codes are those of sysexits.h.
public enum Daemon {
    public enum Exit {
        public static let impossibleState: Int32 = 70
        public static let diskFailed: Int32 = 74
        public static let inUse: Int32 = 75
        public static let badConfiguration: Int32 = 78
    }

    /// How long an orderly end may take after leadership is handed over.
    private static let stopSeconds = 5.0

    /// The shortest that Linux grants: each piece of work here is shorter than that.
    private static let sliceNanoseconds: UInt64 = 100_000

    /// - Parameters:
    ///   - versions: those of this build; others only for tests of how versions follow each other.
    ///   - reload: reads the configuration file again; nil when it has errors, which it has then reported.
    public static func run(
        _ configuration: Configuration, environment: [String: String], versions: Versions = .current,
        reload: () -> Configuration?
    ) -> Int32 {
        let logger = makeLogger(configuration)
        umask(0o027)
        OpenFiles.raise()
        // Where it is not to be had, a busy machine makes everything later, and nothing else changes.
        _ = thread_set_slice(sliceNanoseconds)
        let signals = blockSignals()
        for warning in unguarded(in: configuration) { logger.warning("\(warning)") }
        var random = SystemRandomNumberGenerator()
        let settings = NodeSettings(configuration, versions: versions, random: &random)
        let attachment: AttachmentSettings?
        let security: Security
        do {
            security = try Security(configuration)
            attachment = try AttachmentSettings(configuration)
        } catch {
            logger.error("\(error)")
            return Exit.badConfiguration
        }
        do {
            let directory = try DataDirectory(path: configuration.dataDirectory)
            let shape = GroupShape(id: settings.raft.id, peers: settings.raft.peers, quorum: settings.raft.quorum)
            let store = try Store(directory: directory, shape: shape, format: versions.store)
            let recovery = try Recovery(
                from: store, settings: settings.raft, options: settings.replica, randomSeed: random.next(),
                at: Clock.now())
            let state = recovery.replica.state
            if state.groupID != nil, state.producers != settings.replica.producers {
                logger.error(
                    """
                    the group was begun with \(state.producers.words), the configuration says \
                    \(settings.replica.producers.words). This is fixed once a group has run: put nodeos.producers back as \
                    it was, or start a new group with empty data
                    """)
                return Exit.badConfiguration
            }
            return try serve(
                configuration, settings, security, attachment, recovery, store, signals, environment, logger, reload)
        } catch {
            logger.error("\(error)")
            return exitCode(error)
        }
    }

    private static func serve(
        _ configuration: Configuration, _ settings: NodeSettings, _ security: Security,
        _ attachment: AttachmentSettings?, _ recovery: Recovery, _ store: sending Store, _ signals: sigset_t,
        _ environment: [String: String],
        _ logger: Logger, _ reload: () -> Configuration?
    ) throws -> Int32 {
        let systemd = SystemdNotifier(environment: environment)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let eventLoop = group.next()
        let mailbox = Mailbox(eventLoop: eventLoop)
        let thread = StoreThread(store: store) { mailbox.deliver($0) }
        let running = try eventLoop.submit {
            let events = EventStreams(
                eventLoop: eventLoop, region: settings.region, peer: settings.raft.id, session: settings.session,
                hook: configuration.onChange.isEmpty ? nil : ChangeHook(configuration.onChange, logger: logger))
            let node = Node(
                eventLoop: eventLoop, settings: settings, access: security.access, replica: recovery.replica,
                flags: FlagEdits(recovery.flag), store: thread, events: events, logger: logger,
                onFatal: { error in
                    logger.error("\(error)")
                    // What is written may be wrong from here on: no orderly end, others take over.
                    exit(exitCode(error))
                })
            if let attachment {
                let halt = DebugHalt(environment["PRODHA_HALT_AT"])
                node.attach(try NodeosAttachment(attachment, node: node, halt: halt))
            }
            if !configuration.otherRegions.isEmpty {
                node.attach(RegionBeacon(configuration.otherRegions, security: security.regions, node: node))
            }
            if let queue = configuration.amqp { node.transactions.attach(try QueueService(queue, node: node)) }
            mailbox.node = NIOLoopBound(node, eventLoop: eventLoop)
            let links = PeerLinks(
                eventLoop: eventLoop, settings: settings.links, owner: node, logger: logger,
                wallClock: Clock.unixMilliseconds)
            let running = Running(node: node, links: links, security: security)
            return NIOLoopBound(running, eventLoop: eventLoop)
        }.wait()
        do {
            try eventLoop.flatSubmit { running.value.start(configuration, security.links, systemd) }.wait()
        } catch {
            thread.stop(withinSeconds: stopSeconds)
            throw error
        }
        waitForEnd(signals, running, eventLoop, logger, reload)
        systemd.stopping()
        logger.notice("ends; hands leadership over if it has it")
        try eventLoop.flatSubmit { running.value.stop() }.wait()
        thread.stop(withinSeconds: stopSeconds)
        logger.notice("has ended")
        return 0
    }

    /// Takes signals until one of them asks for the end.
    private static func waitForEnd(
        _ signals: sigset_t, _ running: NIOLoopBound<Running>, _ eventLoop: any EventLoop, _ logger: Logger,
        _ reload: () -> Configuration?
    ) {
        var signals = signals
        while true {
            var signal: Int32 = 0
            guard sigwait(&signals, &signal) == 0 else { continue }
            guard signal == SIGHUP else {
                // A second one is taken at its word.
                pthread_sigmask(SIG_UNBLOCK, &signals, nil)
                return
            }
            guard let configuration = reload() else {
                logger.error("the configuration file has errors; nothing of it was taken over")
                continue
            }
            logger.notice("read \(configuration.file) again")
            let security: Security?
            do {
                security = try Security(configuration)
            } catch {
                logger.error("\(error); tokens and certificates stay as they were")
                security = nil
            }
            eventLoop.execute {
                if let security {
                    running.value.renew(security)
                    running.value.node.takeOver(configuration)
                }
                running.value.node.reload(configuration)
            }
        }
    }

    private static func makeLogger(_ configuration: Configuration) -> Logger {
        let level: Logger.Level =
            switch configuration.loggingLevel {
            case .error: .error
            // Who leads and what an operator did is worth a line at the default level.
            case .warning: .notice
            case .info: .info
            case .debug: .debug
            case .all: .trace
            }
        let id = "\(configuration.regionName)/\(configuration.selfID)"
        let secrets = configuration.secrets
        var logger = Logger(label: "prodha") { _ in LineLogHandler(level: level, secrets: secrets) }
        logger[metadataKey: "peer"] = "\(id)"
        return logger
    }

    /// Ways past this group that the file leaves open.
    private static func unguarded(in configuration: Configuration) -> [String] {
        var warnings: [String] = []
        let nodeos = configuration.nodeos
        if nodeos.http != nil, nodeos.signer == nil || nodeos.p2p == nil {
            let missing = [nodeos.signer == nil ? "signer" : nil, nodeos.p2p == nil ? "p2p" : nil].compactMap { $0 }
            warnings.append(
                "nodeos.\(missing.joined(separator: " and nodeos.")) is not given: nodeos can sign, or its blocks can get "
                    + "out, past this group")
        }
        return warnings
    }

    private static func blockSignals() -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        // A violated invariant traps, after it has printed its facts.
        for trap in [SIGILL, SIGTRAP] { signal(trap) { _ in _exit(Exit.impossibleState) } }
        return signals
    }

    private static func exitCode(_ error: any Error) -> Int32 {
        switch error {
        case StoreError.inUse, is AttachmentError: Exit.inUse
        case StoreError.otherGroup, StoreError.newerFormat, TransportError.tlsFiles: Exit.badConfiguration
        case is StoreError: Exit.diskFailed
        // A port that is taken, or an address that is not this machine's.
        default: Exit.inUse
        }
    }
}

/// Brings the store's reports to the node, which is made after the store's thread.
private final class Mailbox: Sendable {
    private let eventLoop: any EventLoop
    nonisolated(unsafe) var node: NIOLoopBound<Node>?

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func deliver(_ report: StoreThread.Report) {
        eventLoop.execute { self.node?.value.stored(report) }
    }
}

/// What runs on the event loop.
private final class Running {
    let node: Node
    private let links: PeerLinks
    private let server: HTTPServer
    private let apiSecurity: APISecurity?
    private var unixSocket: UnixSocket?

    init(node: Node, links: PeerLinks, security: Security) {
        self.node = node
        self.links = links
        apiSecurity = security.api.map { APISecurity($0) }
        server = NodeAPI(node: node).makeServer(security: apiSecurity?.channels, logger: node.logger)
        show(security)
    }

    /// Takes over what the files say now. Connections that stand go on.
    func renew(_ security: Security) {
        if security.access.isOpen, !node.access.isOpen {
            // What is listened on stays as it is, and may be open to everybody.
            node.logger.error(
                "the file names no token, no authority and no socket for operators any more: that takes a restart, and the doors stay closed until then"
            )
        } else {
            node.access = security.access
        }
        // Coming to have TLS, or no longer having it, takes a restart, and is told as such.
        if let contexts = security.links, links.settings.tls != nil { links.renew(contexts) }
        if let api = security.api { apiSecurity?.current = api }
        node.beacon?.renew(security.regions)
        show(security)
        for (use, certificate) in node.certificates.byUse {
            node.logger.notice("the certificate for \(use.words) is \(certificate.subject)")
        }
    }

    private func show(_ security: Security) {
        node.certificates = OwnCertificates([
            (.peers, links.settings.tls == nil ? nil : security.links?.certificate),
            (.api, apiSecurity?.current.certificate),
        ])
    }

    func start(
        _ configuration: Configuration, _ contexts: TLSContexts?, _ systemd: SystemdNotifier
    ) -> EventLoopFuture<Void> {
        let bound = NIOLoopBound(self, eventLoop: node.eventLoop)
        let address = configuration.apiListen
        let isActive = configuration.isActive
        node.start(links: links)
        node.readFlag(isActive)
        return server.start(host: address.host, port: address.port).flatMap {
            bound.value.serve(configuration.apiUnixSocket)
        }.flatMap {
            bound.value.links.start(contexts)
        }.flatMap {
            bound.value.node.attachment?.start() ?? bound.value.node.eventLoop.makeSucceededVoidFuture()
        }.map {
            let node = bound.value.node
            node.logger.notice(
                "runs",
                metadata: [
                    "api": "\(address)", "version": "\(node.settings.versions.software)",
                    "head": "\(node.headDescription)",
                ])
            systemd.ready()
            if let interval = systemd.interval {
                node.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .nanoseconds(interval.inNanoseconds)) {
                    _ in
                    systemd.isAlive(status: bound.value.node.statusLine)
                }
            }
        }
    }

    /// Leadership first, so that another peer goes on at once; then the API, whose callers have their answers by then.
    func stop() -> EventLoopFuture<Void> {
        let bound = NIOLoopBound(self, eventLoop: node.eventLoop)
        return node.handOverAtEnd().flatMap {
            bound.value.node.transactions.stop()
        }.flatMap {
            bound.value.node.beacon?.stop() ?? bound.value.node.eventLoop.makeSucceededVoidFuture()
        }.flatMap {
            bound.value.node.attachment?.stop() ?? bound.value.node.eventLoop.makeSucceededVoidFuture()
        }.flatMap {
            bound.value.node.events.tellReaders()
            return bound.value.server.stop()
        }.flatMap {
            if let socket = bound.value.unixSocket { UnixSocketFile.remove(socket) }
            return bound.value.links.stop()
        }
    }

    private func serve(_ socket: UnixSocket?) -> EventLoopFuture<Void> {
        guard let socket else { return node.eventLoop.makeSucceededVoidFuture() }
        do throws(UnixSocketFile.Failure) {
            try UnixSocketFile.clear(socket)
        } catch {
            return node.eventLoop.makeFailedFuture(error)
        }
        unixSocket = socket
        return server.start(unixSocket: socket.path).flatMapThrowing { try UnixSocketFile.open(socket) }
    }
}
