// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc
import HTTP
import NIOCore
import NIOPosix

/// The whole demonstration, from the first peer's start to the last one's end.
public enum Demo {
    /// Returns the exit code: 0 when every promise held, 1 when not or when it could not be shown.
    public static func run(_ options: DemoOptions, environment: [String: String]) -> Int32 {
        // Before the first thread is made, so that all of them have it from here.
        let signals = blockSignals()
        let place: Workplace
        do {
            place = try Workplace.prepare(directory: options.directory, environment: environment)
        } catch {
            complain("\(error)")
            return 1
        }
        // One thread that lasts until the process ends: peers are started from it, and die with it.
        let eventLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let stage = DemoStage(options: options, place: place, environment: environment, eventLoop: eventLoop)
        waitForSignals(signals) { signal in Task { await stage.interrupt(signal: signal) } }
        let exitCode = eventLoop.makePromise(of: Int32.self)
        Task { exitCode.succeed(await stage.run()) }
        return (try? exitCode.futureResult.wait()) ?? 1
    }

    private static func blockSignals() -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        // Whoever started this may ignore it, and then no child could be waited for.
        signal(SIGCHLD, SIG_DFL)
        return signals
    }

    private static func waitForSignals(_ signals: sigset_t, _ handle: @escaping @Sendable (Int32) -> Void) {
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        thread.submit { _ in
            var signals = signals
            while true {
                var signal: Int32 = 0
                if sigwait(&signals, &signal) == 0 { handle(signal) }
            }
        }
    }

    static func complain(_ text: String) {
        let bytes = Array("prodha demo: \(text)\n".utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}

/// Joins the story with processes, HTTP, timers and the terminal.
actor DemoStage {
    /// Between two looks at the processes and the script.
    private static let lookEvery = Duration.milliseconds(20)
    private static let askEvery = Duration.milliseconds(100)
    private static let paintEvery = Duration.milliseconds(200)
    /// For all peers' first answer.
    private static let startTime = Duration.seconds(15)
    /// For peers that catch up at the end, before their logs are compared.
    private static let settleTime = Duration.seconds(5)
    /// From SIGTERM to SIGKILL.
    private static let stopTime = Duration.seconds(2)
    private static let statusTimeout = TimeAmount.milliseconds(300)
    private static let logTimeout = TimeAmount.seconds(5)

    private let options: DemoOptions
    private let place: Workplace
    private let environment: [String: String]
    private let eventLoop: any EventLoop
    private let clock: DemoClock
    private let api: [Int: PeerAPI]
    private let script: DemoScript
    private let program = Leash.program

    private var story: DemoStory
    private var terminal: Terminal
    private var screen: DemoScreen
    private var processes: [Int: PeerProcess] = [:]
    private var acknowledged = Acknowledged()
    private var next = "three peers are started"
    /// What asked for the end.
    private var interruption: String?
    /// The end was asked for twice.
    private var isInHurry = false

    init(options: DemoOptions, place: Workplace, environment: [String: String], eventLoop: any EventLoop) {
        self.options = options
        self.place = place
        self.environment = environment
        self.eventLoop = eventLoop
        clock = DemoClock(blockIntervalMS: options.blockIntervalMS)
        let client = HTTPClient(eventLoop: eventLoop)
        api = place.apiPorts.mapValues { PeerAPI(port: $0, client: client) }
        script = DemoScript(killEvery: options.killEvery, duration: options.duration)
        story = DemoStory(peers: Workplace.peers, quorum: Workplace.quorum, grid: clock.grid)
        terminal = Terminal(environment: environment, usesColor: options.usesColor)
        screen = DemoScreen(glyphs: terminal.glyphs)
    }

    func interrupt(signal: Int32) {
        isInHurry = interruption != nil
        interruption = signal == SIGINT ? "ended by ^C" : "ended by signal \(signal)"
    }

    func run() async -> Int32 {
        var failure: DemoFailure?
        var verdict: ChainAudit.Verdict?
        do {
            verdict = try await perform()
        } catch {
            failure = error as? DemoFailure ?? DemoFailure(description: "\(error)")
        }
        next = "the peers are stopped"
        paint()
        await stopPeers()
        terminal.endPainting()
        let isGood = failure == nil && verdict?.isGood == true
        let stays = !place.isTemporary || !isGood
        if story.blocks > 0 {
            let summary = DemoSummary(
                story: story, verdict: verdict, keptIn: stays ? place.directory : nil, took: clock.now())
            terminal.print(ScreenLine())
            for line in summary.lines { terminal.print(line) }
        }
        if let failure {
            Demo.complain(failure.description)
            for line in failure.log { Demo.complain("  " + line) }
            if stays { Demo.complain("configuration, data and logs are in \(place.directory)") }
        }
        if !stays { place.leave() }
        return isGood ? 0 : 1
    }

    // MARK: - The course of it

    /// Nil when it was stopped before the logs could be compared.
    private func perform() async throws -> ChainAudit.Verdict? {
        note(.remark("starts \(named(Workplace.peers)) in \(place.directory)"))
        for peer in Workplace.peers { try await start(peer) }
        let background = startBackground()
        defer { for task in background { task.cancel() } }
        try await waitForFirstAnswers()
        let producer = startProducer()
        defer { producer.cancel() }
        try await follow(script)
        producer.cancel()
        // What it acknowledges in its last moment comes in before the logs are read.
        _ = await producer.result
        next = "the logs of all peers are compared"
        try await settle()
        guard !isInHurry else { return nil }
        return await compareLogs()
    }

    private func follow(_ script: DemoScript) async throws {
        while true {
            try look()
            if let interruption {
                note(.finishing(interruption))
                return
            }
            switch script.step(story, at: clock.now()) {
            case .wait(let what): next = what
            case .kill(let peer): await kill(peer)
            case .start(let peer): try await start(peer)
            case .finish:
                note(.finishing("the \(options.duration?.text(decimals: 1) ?? "time") are over"))
                return
            }
            try? await Task.sleep(for: Self.lookEvery)
        }
    }

    private func waitForFirstAnswers() async throws {
        let deadline = clock.now() + Self.startTime
        while !story.haveAllAnswered, interruption == nil {
            try look()
            guard clock.now() < deadline else {
                let silent = story.ids.filter { story.peers[$0]?.reportedAt == nil }
                throw DemoFailure(
                    description: "\(named(silent)) did not answer within \(Self.startTime.text(decimals: 1))",
                    log: silent.first.map { PeerProcess.tail(of: place.logFile(of: $0)) } ?? [])
            }
            try? await Task.sleep(for: Self.lookEvery)
        }
    }

    /// Brings back who is down and waits until all have the last block, so that all logs can be compared.
    private func settle() async throws {
        let deadline = clock.now() + Self.settleTime
        for peer in story.down where !isInHurry { try await start(peer) }
        while clock.now() < deadline, !isInHurry {
            try look()
            let heads = story.ids.map { story.peers[$0]?.report?.head }
            if let head = story.head, heads.allSatisfy({ $0.map { $0 >= head } ?? false }) { return }
            if story.head == nil, story.haveAllAnswered { return }
            try? await Task.sleep(for: Self.lookEvery)
        }
    }

    private func compareLogs() async -> ChainAudit.Verdict {
        var audit = ChainAudit()
        for peer in story.ids {
            let isWhole = await api[peer]?.log(timeout: Self.logTimeout) { audit.add($0, of: peer) } ?? false
            if !isWhole { audit.couldNotRead(peer) }
        }
        return audit.verdict(acknowledged, quorum: Workplace.quorum, peers: story.ids)
    }

    // MARK: - Processes

    private func start(_ peer: Int) async throws {
        let arguments = [
            "run", "--config", place.configurationFile, "--self", "\(peer)", "--data-dir",
            place.dataDirectory(of: peer),
        ]
        let command = Leash.arguments(program, arguments)
        let logFile = place.logFile(of: peer)
        let process = try await eventLoop.submit { [program] in
            try PeerProcess.start(program, command, logFile: logFile)
        }.get()
        processes[peer] = process
        note(.started(peer: peer, pid: process.pid))
    }

    private func kill(_ peer: Int) async {
        guard let process = processes[peer] else { return }
        process.signal(SIGKILL)
        note(.killed(peer: peer))
        while process.ended() == nil { try? await Task.sleep(for: .milliseconds(1)) }
        processes[peer] = nil
    }

    /// Finds peers that ended by themselves. One that somebody ended is a part of the story; one that failed is not.
    private func look() throws {
        for (peer, process) in processes {
            guard let ending = process.ended() else { continue }
            processes[peer] = nil
            note(.ended(peer: peer, ending))
            if ending.isFault {
                throw DemoFailure(
                    description: "peer \(peer) \(ending.text)",
                    log: PeerProcess.tail(of: place.logFile(of: peer)))
            }
        }
        if terminal.isGone, interruption == nil { interruption = "ended: nobody reads the output" }
    }

    /// SIGTERM, and after a while SIGKILL. Returns when none is left.
    private func stopPeers() async {
        for process in processes.values { process.signal(SIGTERM) }
        let deadline = clock.now() + Self.stopTime
        while !processes.isEmpty {
            if isInHurry || clock.now() >= deadline {
                for process in processes.values { process.signal(SIGKILL) }
            }
            try? await Task.sleep(for: .milliseconds(10))
            processes = processes.filter { $0.value.ended() == nil }
        }
    }

    // MARK: - What goes on beside it

    private func startBackground() -> [Task<Void, Never>] {
        var tasks = Workplace.peers.map { peer in Task { await ask(peer) } }
        if terminal.isLive { tasks.append(Task { await repaint() }) }
        return tasks
    }

    private func startProducer() -> Task<Void, any Error> {
        let producer = BlockProducer(api: api, clock: clock) { [weak self] in await self?.take($0) }
        return Task { try await producer.run() }
    }

    private func take(_ report: BlockProducer.Report) {
        switch report {
        case .committed(let block, let peer, let term, let time):
            acknowledged.append(block.id)
            note(.committed(number: block.number, slot: block.slot, by: peer, term: term), at: time)
        case .abandoned(let block, let time):
            note(.abandoned(number: block.number), at: time)
        }
    }

    private func ask(_ peer: Int) async {
        while !Task.isCancelled {
            if let process = processes[peer], let status = await api[peer]?.status(timeout: Self.statusTimeout),
                // What was said before it died does not count.
                processes[peer]?.pid == process.pid
            {
                note(.answered(peer: peer, PeerReport(status)))
            }
            try? await Task.sleep(for: Self.askEvery)
        }
    }

    private func repaint() async {
        while !Task.isCancelled {
            paint()
            try? await Task.sleep(for: Self.paintEvery)
        }
    }

    private func paint() {
        guard terminal.isLive else { return }
        terminal.paint(screen.lines(story, next: next, at: clock.now()))
    }

    private func note(_ event: DemoEvent, at time: Duration? = nil) {
        story.note(event, at: time ?? clock.now())
        let news = story.takeNews()
        guard !terminal.isLive else { return }
        for entry in news { terminal.print(screen.event(entry)) }
    }
}
