// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope
import Glibc
import HTTP
import NIOCore

/// Joins the story with processes, HTTP, timers and the terminal.
actor DemoStage {
    /// Between two looks at the processes and the script.
    private static let lookEvery = Duration.milliseconds(20)
    private static let askEvery = Duration.milliseconds(100)
    private static let paintEvery = Duration.milliseconds(200)
    private static let statusTimeout = TimeAmount.milliseconds(300)
    private static let logTimeout = TimeAmount.seconds(5)

    /// How long may be waited; a nodeos takes more time than a peer alone.
    struct Patience {
        /// For all peers' first answer.
        var start: Duration
        /// For peers that catch up at the end, before they are compared.
        var settling: Duration
        /// From SIGTERM to SIGKILL.
        var stop: Duration

        static let alone = Patience(start: .seconds(15), settling: .seconds(5), stop: .seconds(2))
        static let withNodeos = Patience(start: .seconds(45), settling: .seconds(30), stop: .seconds(5))
    }

    private let options: DemoOptions
    private let place: Workplace
    private let environment: [String: String]
    private let clock: DemoClock
    private let api: [Int: PeerAPI]
    private let nodeos: [Part: NodeosAPI]
    private let script: DemoScript
    private let patience: Patience

    private var story: DemoStory
    private var terminal: Terminal
    private var screen: DemoScreen
    private var processes: DemoProcesses
    /// By the region's name.
    private var acknowledged: [String: Acknowledged] = [:]
    private var lastBlock: BlockID?
    /// What regions told as lost.
    private var told: Set<BlockID> = []
    /// The epoch in which each was asked for them.
    private var lossesOf: [String: UInt64] = [:]
    private var promises = TransactionFlow.Promises()
    private var witness: Witness?
    private var next = "the peers are started"
    /// What asked for the end.
    private var interruption: String?
    /// The end was asked for twice.
    private var isInHurry = false

    init(options: DemoOptions, place: Workplace, environment: [String: String], eventLoop: any EventLoop) {
        self.options = options
        self.place = place
        self.environment = environment
        clock = DemoClock(blockIntervalMS: options.blockIntervalMS)
        let client = HTTPClient(eventLoop: eventLoop)
        api = place.apiPorts.mapValues { PeerAPI(port: $0, client: client) }
        nodeos = (place.nodeos?.httpPorts ?? [:]).mapValues { NodeosAPI(port: $0, client: client) }
        script = DemoScript(killEvery: options.killEvery, duration: options.duration, isOnce: options.isOnce)
        patience = place.nodeos == nil ? .alone : .withNodeos
        story = DemoStory(regions: place.regions, grid: clock.grid, hasNodeos: place.nodeos != nil)
        terminal = Terminal(environment: environment, usesColor: options.usesColor)
        screen = DemoScreen(glyphs: terminal.glyphs)
        processes = DemoProcesses(place: place, eventLoop: eventLoop)
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
        await stopAll()
        terminal.endPainting()
        let summary = DemoSummary(story: story, verdict: verdict, keptIn: nil, took: clock.now())
        let isGood = failure == nil && summary.isGood
        let stays = !place.isTemporary || !isGood
        if story.blocks > 0 {
            var summary = summary
            summary.keptIn = stays ? place.directory : nil
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

    /// Nil when it was stopped before logs and chains could be compared.
    private func perform() async throws -> ChainAudit.Verdict? {
        let company = place.nodeos == nil ? "" : " with 4 nodeos"
        note(.remark("starts \(named(place.peers))\(company) in \(place.directory)"))
        for peer in place.peers { try await start(place.parts(of: peer)) }
        let background = startBackground()
        defer { for task in background { task.cancel() } }
        try await waitForFirstAnswers()
        // It dials once and then waits for a while, so the gates must be open.
        if place.nodeos != nil { try await start([.outside]) }
        let blocks = startBlocks()
        defer { for task in blocks { task.cancel() } }
        try await follow(script)
        for task in blocks { task.cancel() }
        // What they report in their last moment comes in before the logs are read.
        for task in blocks { _ = await task.result }
        next = "the logs of all peers are compared"
        try await settle()
        guard !isInHurry else { return nil }
        return await compare()
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
            case .kill(let peer): try await kill(peer)
            case .start(let peer): try await start(place.parts(of: peer))
            case .killRegion(let region): try await kill(region)
            case .switchOver(let region, let kind): try await switchOver(to: region, kind)
            case .askForLoss(let region): try await askForLoss(of: region)
            case .finish:
                let isTimeOver = options.duration.map { clock.now() >= $0 } ?? false
                note(.finishing(isTimeOver ? "the time is over" : "all has been shown"))
                return
            case .giveUp(let why):
                throw DemoFailure(description: why, log: ChildProcess.tail(of: place.operatorsFile))
            }
            try? await Task.sleep(for: Self.lookEvery)
        }
    }

    private func waitForFirstAnswers() async throws {
        let deadline = clock.now() + patience.start
        while !story.haveAllAnswered, interruption == nil {
            try look()
            guard clock.now() < deadline else {
                let silent = story.ids.filter { story.peers[$0]?.reportedAt == nil }
                throw DemoFailure(
                    description: "\(named(silent)) did not answer within \(patience.start.text(decimals: 1))",
                    log: silent.first.map { ChildProcess.tail(of: place.logFile(of: .prodha($0))) } ?? [])
            }
            try? await Task.sleep(for: Self.lookEvery)
        }
    }

    /// Brings back who is down and waits until all have the last block, so that all can be compared.
    private func settle() async throws {
        let deadline = clock.now() + patience.settling
        for peer in story.down where !isInHurry { try await start(place.parts(of: peer)) }
        while clock.now() < deadline, !isInHurry {
            try look()
            if case .returning(let region, _) = story.turn {
                if story.hasGivenWay(region) { try await learnLoss(of: region) }
            } else if story.haveAllTheHead, story.isOneActive {
                break
            }
            try? await Task.sleep(for: Self.lookEvery)
        }
        await learnLosses()
    }

    private func learnAllLosses() async {
        while !Task.isCancelled {
            await learnLosses()
            try? await Task.sleep(for: Self.askEvery)
        }
    }

    /// Somebody else may have forced a switch. A region forgets what it lost when it is active again.
    private func learnLosses() async {
        for region in place.regions {
            guard let report = story.report(of: region), report.isSuperseded, lossesOf[region.name] != report.epoch,
                let blocks = await loss(of: region)
            else { continue }
            lossesOf[region.name] = report.epoch
            told.formUnion(blocks)
        }
    }

    private func compare() async -> ChainAudit.Verdict? {
        var audit = ChainAudit()
        for peer in story.ids {
            let isWhole = await api[peer]?.log(timeout: Self.logTimeout) { audit.add($0, of: peer) } ?? false
            if !isWhole { audit.couldNotRead(peer) }
        }
        // Also blocks of the outside node that no log has.
        if let head = lastBlock?.blockNumber, !nodeos.isEmpty {
            next = "the chains of all nodeos are compared"
            await withTaskGroup(of: (Part, [BlockID?]?).self) { group in
                for (part, node) in nodeos {
                    group.addTask { (part, await self.chain(of: node, through: head)) }
                }
                for await (part, ids) in group { audit.add(ids, of: part) }
            }
        }
        guard !isInHurry else { return nil }
        let groups = place.regions.map { region in
            ChainAudit.Group(
                peers: region.peers, quorum: DemoRegion.quorum,
                acknowledged: acknowledged[region.name] ?? Acknowledged())
        }
        var verdict = audit.verdict(groups, end: groups.count > 1 ? lastBlock : nil, told: told)
        if let outside = nodeos[.outside] {
            next = "the transactions that were promised are looked for"
            guard
                let kept = await promises.kept(
                    by: outside, timeout: Self.logTimeout, goesOn: { [weak self] in await self?.isInHurry == false })
            else { return nil }
            verdict.promises = .init(checked: promises.count, kept: kept)
        }
        return verdict
    }

    /// Nil when it does not answer, or somebody is in a hurry.
    private func chain(of node: NodeosAPI, through head: UInt32) async -> [BlockID?]? {
        guard await node.info(timeout: Self.logTimeout) != nil else { return nil }
        var ids: [BlockID?] = []
        for number in 1...head {
            guard !isInHurry else { return nil }
            ids.append(await node.blockID(at: number, timeout: Self.logTimeout))
        }
        return ids
    }

    // MARK: - Processes

    /// Starts those of them that do not run.
    private func start(_ parts: [Part]) async throws {
        for part in parts where processes.pid(of: part) == nil {
            let process = try await processes.launch(part)
            processes.add(process, as: part)
            note(.started(part, pid: process.pid))
        }
    }

    /// A peer's machine dies: all its processes at once.
    private func kill(_ peer: Int) async throws {
        let parts = place.parts(of: peer)
        processes.signal(SIGKILL, to: parts)
        note(.killed(peer: peer))
        try await waitForEnd(of: parts)
    }

    /// All of its machines die.
    private func kill(_ region: DemoRegion) async throws {
        let parts = region.peers.flatMap { place.parts(of: $0) }
        processes.signal(SIGKILL, to: parts)
        note(.regionKilled(region))
        try await waitForEnd(of: parts)
    }

    private func waitForEnd(of parts: [Part]) async throws {
        while parts.contains(where: { processes.pid(of: $0) != nil }) {
            for (part, ending) in processes.takeEnded() where !parts.contains(part) { try take(ending, of: part) }
            try? await Task.sleep(for: .milliseconds(1))
        }
    }

    // MARK: - What an operator does

    private func switchOver(to region: DemoRegion, _ kind: Switch.Kind) async throws {
        var words = ["failover", "--region", region.name, "--confirm", region.name, "--reason", "prodha demo"]
        words += kind == .forced ? ["--force", "--accept-loss"] : []
        note(.switching(to: region, kind))
        let ending = try await command(words, of: region)
        switch ending {
        case .exited(code: 0): note(.switched)
        // Refused, or rolled back: nothing has changed.
        case .exited(code: 3), .exited(code: 4): note(.notSwitched)
        case .exited, .signaled:
            guard interruption == nil else { return }
            throw DemoFailure(
                description: "prodha failover \(ending.text)", log: ChildProcess.tail(of: place.operatorsFile))
        }
    }

    /// The region was dead while another one went on.
    private func askForLoss(of region: DemoRegion) async throws {
        let ending = try await command(["history", "--loss", "--region", region.name], of: region)
        guard ending == .exited(code: 0) || interruption != nil else {
            throw DemoFailure(
                description: "prodha history --loss \(ending.text)", log: ChildProcess.tail(of: place.operatorsFile))
        }
        try await learnLoss(of: region)
    }

    private func learnLoss(of region: DemoRegion) async throws {
        guard let blocks = await loss(of: region) else {
            throw DemoFailure(description: "\(region.name) does not tell which blocks only it has")
        }
        told.formUnion(blocks)
        note(.lossTold(region, blocks: blocks.count))
    }

    /// Nil when no peer tells, or not all of it.
    private func loss(of region: DemoRegion) async -> [BlockID]? {
        for peer in region.peers {
            guard let loss = await api[peer]?.loss(timeout: Self.logTimeout) else { continue }
            return loss.truncated || !loss.forkKnown ? nil : loss.blocks.compactMap { BlockID(hex: $0.blockID) }
        }
        return nil
    }

    /// Runs prodha with these words and says what it says. ^C is passed on.
    private func command(_ words: [String], of region: DemoRegion) async throws -> Ending {
        var output = OutputFile(place.operatorsFile)
        var told = OperatorWords()
        let process = try await processes.launchCommand(
            words + ["--config", place.configurationFile(of: region), "--no-color"])
        var isInterrupted = false
        while true {
            let ending = process.ended()
            for line in output.takeLines().compactMap({ told.take($0) }) { note(.said(line)) }
            if let ending {
                for line in told.finish() { note(.said(line)) }
                return ending
            }
            try look()
            if isInHurry {
                process.signal(SIGKILL)
            } else if interruption != nil, !isInterrupted {
                isInterrupted = true
                process.signal(SIGINT)
            }
            try? await Task.sleep(for: Self.lookEvery)
        }
    }

    private func look() throws {
        for (part, ending) in processes.takeEnded() { try take(ending, of: part) }
        if terminal.isGone, interruption == nil { interruption = "ended: nobody reads the output" }
    }

    /// A process ended by itself. One that somebody ended is a part of the story; one that failed is not.
    private func take(_ ending: Ending, of part: Part) throws {
        note(.ended(part, ending))
        if ending.isFault {
            throw DemoFailure(
                description: "\(part.text) \(ending.text)", log: ChildProcess.tail(of: place.logFile(of: part)))
        }
        if part == .outside { throw DemoFailure(description: "without the outside nodeos nothing can be seen") }
    }

    /// SIGTERM, and after a while SIGKILL. Returns when none is left.
    private func stopAll() async {
        processes.signal(SIGTERM)
        let deadline = clock.now() + patience.stop
        while !processes.isEmpty {
            if isInHurry || clock.now() >= deadline { processes.signal(SIGKILL) }
            try? await Task.sleep(for: .milliseconds(10))
            _ = processes.takeEnded()
        }
    }

    // MARK: - What goes on beside it

    private func startBackground() -> [Task<Void, Never>] {
        var tasks = place.peers.map { peer in Task { await ask(peer) } }
        if place.regions.count > 1 { tasks.append(Task { await learnAllLosses() }) }
        if terminal.isLive { tasks.append(Task { await repaint() }) }
        return tasks
    }

    /// Whatever makes blocks, or sees them made.
    private func startBlocks() -> [Task<Void, any Error>] {
        guard let outside = nodeos[.outside] else {
            return place.regions.map { region in
                let producer = BlockProducer(api: api.filter { region.peers.contains($0.key) }, clock: clock) {
                    [weak self] in await self?.take($0)
                }
                return Task { try await producer.run() }
            }
        }
        let witness = Witness(
            outside: outside, logFile: place.logFile(of: .outside), peers: api, clock: clock
        ) { [weak self] in await self?.take($0) }
        self.witness = witness
        let flow = TransactionFlow(
            node: outside, peers: place.peers.compactMap { api[$0] },
            firstNumber: UInt64(max(0, clock.grid.unixMillisecondsAtStart))
        ) { [weak self] in await self?.take($0) }
        return [Task { await witness.run() }, Task { try await flow.run() }]
    }

    private func take(_ promise: TransactionFlow.Promise) {
        promises.append(promise)
        note(.promised)
    }

    private func take(_ report: BlockProducer.Report) {
        switch report {
        case .committed(let block, let peer, let term, let time):
            acknowledge(block.id, by: peer)
            note(.committed(number: block.number, slot: block.slot, by: peer, term: term), at: time)
        case .abandoned(let block, let time):
            note(.abandoned(number: block.number), at: time)
        }
    }

    private func take(_ report: Witness.Report) {
        switch report {
        case .saw(let sighting):
            let number = sighting.id.blockNumber
            acknowledge(sighting.id, by: place.peers.first)
            guard let maker = sighting.maker else { return note(.unexplained(number: number)) }
            let slot = clock.grid.slot(atUnixMilliseconds: maker.slotUnixMS)
            note(.committed(number: number, slot: slot, by: maker.peer, term: maker.term), at: sighting.at)
        case .forks(let heights): note(.forks(heights))
        }
    }

    private func acknowledge(_ id: BlockID, by peer: Int?) {
        lastBlock = id
        guard let region = peer.flatMap({ story.region(of: $0) }) else { return }
        acknowledged[region.name, default: Acknowledged()].append(id)
    }

    private func ask(_ peer: Int) async {
        while !Task.isCancelled {
            if let pid = processes.pid(of: .prodha(peer)),
                let status = await api[peer]?.status(timeout: Self.statusTimeout),
                // What was said before it died does not count.
                processes.pid(of: .prodha(peer)) == pid
            {
                let report = PeerReport(status)
                note(.answered(peer: peer, report))
                if let leader = report.leader { await witness?.learn(leader: leader, of: report.term) }
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
