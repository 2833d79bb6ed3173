// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import FoundationEssentials
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Operations

enum Answer: Equatable, Sendable {
    case typed(String)
    /// Text that was pasted is no answer.
    case pasted
    /// ^C, ^D, or nobody is there any more.
    case none
}

/// What an operator's session knows, and how it carries out a line. Lines are carried out one after the other, each on
/// whatever thread its caller likes; what is known is brought up to date meanwhile.
final class Session: Sendable {
    typealias Ask = @Sendable (_ question: String) -> Answer

    struct State: Sendable {
        /// The peer that the prompt shows, and whose region is meant when none is named.
        var connected: PeerTarget
        var known: KnownPeers
        /// False while all that is known is one API, whose peer has not answered yet.
        var isLearnt: Bool
        /// False until the operator, or the first look, has chosen.
        var isChosen: Bool
        var format: OutputFormat
        var isTiming = false
        var enabled: (minutes: Int, until: ContinuousClock.Instant)?
        var view: ClusterView?
        /// By label.
        var seen: [String: Seen] = [:]
        /// The last that was heard, by region.
        var commitIndexes: [String: UInt64] = [:]
        var grammar: Grammar
        var inspectors: [(key: InspectorKey, inspector: Inspector)] = []
        var lines: LineFile
        var isOver = false
        /// A command shows what happens.
        var isFollowing = false
    }

    struct InspectorKey: Hashable {
        var source: PeerSource
        var timeout: Duration
        var choice: CredentialChoice
    }

    static let mostInspectors = 8
    /// Peers beyond those are not kept.
    static let mostKnown = 256

    let options: SessionOptions
    let table: any CommandTable
    let loop: any EventLoop
    let transcript: Transcript?
    let state: NIOLockedValueBox<State>
    private let isGrammarLearnt = ConditionLock(value: false)
    /// So long completion waits for that, right after the start.
    private static let grammarSeconds = 0.15
    /// Somebody sits before it.
    let isAttended: Bool

    init(_ options: SessionOptions, _ table: any CommandTable, isAttended: Bool, transcript: Transcript?) {
        self.options = options
        self.table = table
        self.transcript = transcript
        self.isAttended = isAttended
        loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let targets = options.source.targets
        let known: KnownPeers
        var isLearnt = true
        switch options.source {
        case .directory(let directory):
            known = KnownPeers(
                targets: targets, quorum: [directory.regionName: directory.quorumSize],
                authorityFile: options.source.authorityFile)
        case .api:
            known = KnownPeers(targets: targets)
            isLearnt = false
        case .known(let peers): known = peers
        }
        let folder = isAttended ? StateFolder.path(options.environment) : nil
        let first = targets.first ?? PeerTarget(region: nil, id: nil, api: nil, origin: .given)
        state = NIOLockedValueBox(
            State(
                connected: first, known: known, isLearnt: isLearnt, isChosen: !isLearnt, format: options.format,
                grammar: Grammar(commands: table.names + Self.ownCommands), lines: LineFile(folder: folder)))
    }

    var grammar: Grammar { state.withLockedValue { $0.grammar } }

    /// Learns the options of all commands. Takes a while.
    func learnGrammar() {
        defer {
            isGrammarLearnt.lock()
            isGrammarLearnt.unlock(withValue: true)
        }
        let grammar = Grammar(commands: table.described() + Self.ownCommands)
        state.withLockedValue { $0.grammar = grammar }
    }

    // MARK: - Whom to ask

    /// The peers that are known, those of the connected one's region first.
    var source: PeerSource { state.withLockedValue { source(of: $0) } }

    private func source(of state: State) -> PeerSource {
        guard state.isLearnt else { return options.source }
        var known = state.known
        let own = known.targets.filter { $0.region == state.connected.region }
        known.targets = own + known.targets.filter { $0.region != state.connected.region }
        return .known(known)
    }

    /// What is meant when no region is named. Nil: nobody has told yet.
    var region: String? { state.withLockedValue { $0.connected.region ?? $0.view?.regions.first?.name } }

    func inspector(
        _ source: PeerSource, _ timeout: Duration, _ choice: CredentialChoice, _ environment: [String: String]
    ) throws(CredentialsError) -> Inspector {
        let choice = choice == CredentialChoice() ? options.credentials : choice
        let key = InspectorKey(source: source, timeout: timeout, choice: choice)
        if let known = state.withLockedValue({ state in state.inspectors.first { $0.key == key }?.inspector }) {
            return known
        }
        let made = Inspector(
            source: source, timeout: timeout,
            credentials: try choice.credentials(for: source, environment: environment), eventLoop: loop)
        state.withLockedValue { state in
            // The connections of one that is not used any more close by themselves.
            if state.inspectors.count >= Self.mostInspectors { state.inspectors.removeFirst() }
            state.inspectors.append((key, made))
        }
        return made
    }

    /// What is kept of peers and their credentials is read anew.
    func forgetInspectors() { state.withLockedValue { $0.inspectors = [] } }

    /// Takes what one look at the group told.
    func take(_ look: Watcher.Look) {
        state.withLockedValue { state in
            state.view = look.view
            for region in look.view.regions {
                if let name = region.name, let index = region.bestCommitIndex { state.commitIndexes[name] = index }
                for peer in region.peers {
                    if let status = peer.status {
                        state.seen[peer.report.target.label] = Seen(status: status, at: look.at)
                    }
                }
            }
            learn(look.view, &state)
            if !state.isChosen {
                state.isChosen = true
                let own = look.view.region(named: state.connected.region)
                let leader = own?.peers.first { $0.isLeader }
                if let leader { state.connected = leader.report.target }
            }
        }
    }

    /// Peers that others tell of, and who it is that answers at an API that was given.
    private func learn(_ view: ClusterView, _ state: inout State) {
        let reports = view.regions.flatMap(\.peers).map(\.report)
        if let itself = reports.map(\.target).first(where: { $0.isSame(as: state.connected) }) {
            state.connected = itself
        }
        var targets = state.known.targets
        for report in reports {
            if let place = targets.firstIndex(where: { $0.isSame(as: report.target) }) {
                targets[place] = report.target
            } else if report.target.id != nil {
                targets.append(report.target)
            }
            for other in report.answer?.status.neighbours ?? [] where !targets.contains(where: { $0.isSame(as: other) })
            {
                targets.append(other)
            }
        }
        guard targets.contains(where: { $0.id != nil }) else { return }
        state.isLearnt = true
        state.known.targets = Array(targets.prefix(Self.mostKnown))
    }

    // MARK: - What may be changed

    var isEnabled: Bool {
        state.withLockedValue { state in state.enabled.map { $0.until > .now } ?? false }
    }

    /// True once, when it has ended by itself.
    func endsEnabling() -> Bool {
        state.withLockedValue { state in
            guard let enabled = state.enabled, enabled.until <= .now else { return false }
            state.enabled = nil
            return true
        }
    }

    /// Whoever works goes on being enabled.
    private func keepEnabled() {
        state.withLockedValue { state in
            guard let enabled = state.enabled, enabled.until > .now else { return }
            state.enabled = (enabled.minutes, .now + .seconds(60 * enabled.minutes))
        }
    }

    // MARK: - What is shown

    var prompt: Prompt {
        let isEnabled = isEnabled
        return state.withLockedValue { state in
            Prompt(state.connected, state.seen[state.connected.label], now: .now, isEnabled: isEnabled)
        }
    }

    var completer: Completer {
        if isGrammarLearnt.lock(whenValue: true, timeoutSeconds: Self.grammarSeconds) { isGrammarLearnt.unlock() }
        return present
    }

    private var present: Completer {
        state.withLockedValue { state in
            let values =
                state.view.map { LiveValues($0, region: state.connected.region, commitIndexes: state.commitIndexes) }
                ?? LiveValues()
            return Completer(grammar: state.grammar, values: values)
        }
    }

    /// A happening in the words of this session, which is connected to one of the peers.
    func line(of happening: Happening, at time: UTCInstant) -> String {
        let line = happening.line(at: time)
        let (connected, view) = state.withLockedValue { ($0.connected, $0.view) }
        guard happening.kind == .peerDown, happening.peer == connected.id, happening.region == connected.region else {
            return line
        }
        let others = (view?.region(named: connected.region)?.peers ?? []).filter { $0.status != nil }.compactMap(\.id)
        let offer =
            others.first.map { "; others: \(others.map(String.init).joined(separator: ", ")): connect \($0)" }
            ?? "; no other peer of \(connected.region ?? "its region") answers"
        return line + offer + " (this session is connected to \(connected.label))"
    }

    // MARK: - Carrying out a line

    /// Carries out what one line says and returns the exit code of its last command. Of several lines, pasted together,
    /// the first that fails is the last.
    func carryOut(_ line: String, _ gate: any Outlet & Stoppable, ask: Ask?) -> Int32 {
        var code: Int32 = 0
        for part in Self.parts(of: line) {
            code = carryOut(one: part, gate, ask)
            if code != 0 || gate.isStopped || state.withLockedValue({ $0.isOver }) { break }
        }
        return code
    }

    /// What was pasted may have several lines.
    static func parts(of line: String) -> [Substring] {
        line.split(whereSeparator: { $0 == "\n" || $0 == "\r\n" || $0 == "\r" })
    }

    private func carryOut(one line: Substring, _ gate: any Outlet & Stoppable, _ ask: Ask?) -> Int32 {
        guard let first = line.first(where: { !$0.isWhitespace }), first != "#" else { return 0 }
        let start = ContinuousClock.now
        let invocation = invocation(gate)
        let code = Invocation.$current.withValue(invocation) {
            do throws(Words.Unfinished) {
                return carryOut(try Words.all(of: line), gate, ask)
            } catch {
                return mistake("\(error)")
            }
        }
        if !gate.isStopped { keepEnabled() }
        if state.withLockedValue({ $0.isTiming }), !gate.isStopped { tellTime(.now - start, gate) }
        return code
    }

    private func carryOut(_ words: [String], _ gate: any Outlet & Stoppable, _ ask: Ask?) -> Int32 {
        guard let first = words.first else { return 0 }
        let rest = Array(words.dropFirst())
        let command: Grammar.Command
        do throws(Grammar.Ambiguity) {
            command = try grammar.command(first == "?" ? "help" : first)
        } catch {
            return mistake(error.words("command") + (error.candidates.isEmpty ? "; help lists all" : ""))
        }
        if let own = OwnCommand(rawValue: command.name) { return carryOut(own, rest, gate, ask) }
        switch prepare(command, rest) {
        case .text(let text): return show(command.name, text)
        case .mistake(let text, let code): return mistake(text, exitCode: code)
        case .ready(let prepared): return carryOut(prepared, ask)
        }
    }

    func prepare(_ command: Grammar.Command, _ words: [String]) -> Preparation {
        // What options there are is read when a short form of one may be meant.
        if command.options.isEmpty, words.contains(where: { $0.hasPrefix("--") }) { learnGrammar() }
        do throws(Grammar.Ambiguity) {
            let all = [command.name] + (try grammar.command(command.name).expanded(words))
            return table.prepare(all, region: Self.value(of: "--region", in: all) ?? region ?? "")
        } catch {
            return .mistake(error.words("option"), exitCode: 64)
        }
    }

    private func carryOut(_ prepared: PreparedCommand, _ ask: Ask?) -> Int32 {
        if prepared.caution == .none { return prepared.carryOut() }
        if case .switch(let request) = prepared.caution, request.isDryRun { return prepared.carryOut() }
        guard isEnabled else {
            return mistake("read-only: enable first, then \(prepared.words[0]) again", name: "read_only", exitCode: 3)
        }
        // Without anybody to ask a session is a command line.
        guard isAttended, let ask else { return prepared.carryOut() }
        guard !prepared.words.contains(where: { Self.isOption($0, "--config") || Self.isOption($0, "--peer") }) else {
            return mistake(
                "--config and --peer are not for this here: the question would be about another group; connect to it first"
            )
        }
        if case .switch(let request) = prepared.caution { return carryOut(request, prepared.words, ask) }
        return carryOut(about: prepared, ask)
    }

    /// The act gets the very region that the question names.
    private func carryOut(about prepared: PreparedCommand, _ ask: Ask) -> Int32 {
        var prepared = prepared
        if Self.value(of: "--region", in: prepared.words) == nil {
            guard let region, !region.isEmpty else {
                return mistake(
                    "the region is not known, since no peer has answered yet; give --region", name: "unknown_region")
            }
            guard case .ready(let named) = table.prepare(prepared.words + ["--region", region], region: region) else {
                return mistake("\(prepared.words[0]) takes no region")
            }
            prepared = named
        }
        let isConfirmed =
            switch prepared.caution {
            case .yes(let question): confirm(question, ask)
            case .typed(let prompts): confirm(prompts, ask)
            case .none, .switch: false
            }
        guard isConfirmed else { return notConfirmed() }
        // A question may stand open for long.
        guard isEnabled else { return notEnabledAnyMore() }
        return prepared.carryOut()
    }

    func notEnabledAnyMore() -> Int32 {
        mistake(
            "nothing was done: read-only again, since the answer came late; enable first", name: "read_only",
            exitCode: 3)
    }

    private static func isOption(_ word: String, _ name: String) -> Bool { word == name || word.hasPrefix(name + "=") }

    static func value(of option: String, in words: [String]) -> String? {
        var value: String?
        for (place, word) in words.enumerated() {
            if word.hasPrefix(option + "=") { value = String(word.dropFirst(option.count + 1)) }
            if word == option, place + 1 < words.count { value = words[place + 1] }
        }
        return value
    }

    // MARK: - Questions

    func confirm(_ question: String, _ ask: Ask) -> Bool {
        switch ask(question + " [y/N] ") {
        case .typed(let answer): ["y", "yes"].contains(answer.lowercased())
        case .pasted: pastedAnswer()
        case .none: false
        }
    }

    func confirm(_ prompts: [FailoverPrompt], _ ask: Ask) -> Bool {
        prompts.allSatisfy { prompt in
            switch ask(prompt.question) {
            case .typed(let answer): !answer.isEmpty && answer == prompt.expected
            case .pasted: pastedAnswer()
            case .none: false
            }
        }
    }

    private func pastedAnswer() -> Bool {
        Invocation.current.outlet.tell("pasted text is no answer\n")
        return false
    }

    func notConfirmed() -> Int32 {
        mistake("nothing was done: it was not confirmed", name: "not_confirmed", exitCode: 3)
    }

    // MARK: - Words

    /// Of what happens under the present invocation.
    func print(_ text: String) -> Int32 {
        do throws(StandardOutput.Closed) {
            try Invocation.current.outlet.write(text)
            return 0
        } catch {
            return 1
        }
    }

    /// Says what is wrong, as one document where JSON is asked for.
    func mistake(_ text: String, name: String = "usage", exitCode: Int32 = 64) -> Int32 {
        let isJSON = Invocation.current.usualFormat == .json
        Invocation.current.fail(name, text, exitCode: exitCode, isJSON: isJSON)
        return exitCode
    }

    private func tellTime(_ time: Duration, _ gate: any Outlet) {
        let milliseconds = Double(time.components.seconds) * 1000 + Double(time.components.attoseconds) / 1e15
        let tenths = (milliseconds * 10).rounded() / 10
        let isJSON = state.withLockedValue { $0.format == .json }
        try? gate.write(isJSON ? "{\"schema_version\": 1, \"time_ms\": \(tenths)}\n" : "Time: \(tenths) ms\n")
    }

    /// By this machine's clock.
    static func now() -> UTCInstant {
        UTCInstant(unixMilliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    }

    func invocation(_ gate: any Outlet & Stoppable) -> Invocation {
        let format = state.withLockedValue { $0.format }
        let environment = options.environment
        let terminal = isAttended ? Terminal.of(1, environment: environment) : Terminal(kind: .none)
        let errorTerminal = isAttended ? Terminal.of(2, environment: environment) : Terminal(kind: .none)
        let makeInspector: Invocation.MakeInspector = {
            (source, timeout, choice, environment) throws(CredentialsError) in
            try self.inspector(source, timeout, choice, environment)
        }
        return Invocation(
            environment: environment, terminal: terminal, errorTerminal: errorTerminal,
            jsonLayout: format == .json ? .oneLine : .lines, usualFormat: format,
            usualTimeout: options.timeout, usualSource: source, outlet: gate,
            ask: nil, isStopped: { gate.isStopped }, inspector: makeInspector)
    }
}

/// Of what can be stopped from outside.
protocol Stoppable: Sendable {
    var isStopped: Bool { get }
}

extension Gate: Stoppable {}
