// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Operations

/// The commands that only a session has.
enum OwnCommand: String, CaseIterable {
    case connect, peers, watch, follow, attach, enable, disable, output, timing, lines, help, quit, exit

    static let enabledMinutes = 1...120
    static let usualMinutes = 10

    var grammar: Grammar.Command {
        func argument(_ name: String, _ help: String, _ value: Grammar.Value) -> [Grammar.Argument] {
            [.init(name: name, help: help, value: value)]
        }
        return switch self {
        case .connect:
            .init(
                rawValue, "Go on with another peer.",
                arguments: argument("PEER", "An id, REGION/ID, or an API.", .anyPeer)
            )
        case .peers: .init(rawValue, "List the peers that are known.")
        case .watch:
            .init(
                rawValue, "Carry out a command again and again: watch [SECONDS] COMMAND [until CONDITION].",
                arguments: argument("COMMAND", "One that changes nothing.", .command))
        case .follow: .init(rawValue, "Show what happens, until ^C.")
        case .attach: .init(rawValue, "Follow the switch between regions that is running, or the last one.")
        case .enable:
            .init(
                rawValue, "Allow what changes something, until nothing was done for MINUTES (10).",
                arguments: argument("MINUTES", "From 1 to 120.", .text))
        case .disable: .init(rawValue, "Allow nothing that changes anything.")
        case .output:
            .init(
                rawValue, "How results are printed.",
                arguments: argument("FORMAT", "Without it: as it is.", .words(OutputFormat.allCases.map(\.rawValue))))
        case .timing:
            .init(
                rawValue, "Say how long each command took, or not.",
                arguments: argument("STATE", "Without it: as it is.", .words(["on", "off"])))
        case .lines: .init(rawValue, "Show the lines that were typed.")
        case .help:
            .init(
                rawValue, "Show what there is, or how to use a command.",
                arguments: argument("COMMAND", "Which one.", .command))
        case .quit: .init(rawValue, "End the session. A switch that is running goes on.")
        case .exit: .init(rawValue, "End the session.")
        }
    }
}

extension Session {
    static let ownCommands = OwnCommand.allCases.map(\.grammar)

    func carryOut(_ command: OwnCommand, _ words: [String], _ gate: any Outlet & Stoppable, _ ask: Ask?) -> Int32 {
        let most = command == .watch ? Int.max : command.grammar.arguments.count
        guard words.count <= most else {
            return mistake("\(command.rawValue) takes \(most == 0 ? "nothing" : "one word"), not \(words.count)")
        }
        switch command {
        case .connect: return connect(words.first)
        case .peers: return listPeers()
        case .watch: return watch(words, gate, ask)
        case .follow: return follow(gate)
        case .attach: return attach(gate)
        case .enable: return enable(words.first)
        case .disable:
            state.withLockedValue { $0.enabled = nil }
            return 0
        case .output: return setOutput(words.first)
        case .timing: return setTiming(words.first)
        case .lines: return showLines()
        case .help: return help(words.first)
        case .quit, .exit:
            state.withLockedValue { $0.isOver = true }
            return 0
        }
    }

    // MARK: - Peers

    private func connect(_ name: String?) -> Int32 {
        guard let name else {
            return mistake("connect to whom? connect PEER: an id, REGION/ID, or an API; peers lists them")
        }
        do throws(ConnectFailure) {
            try connect(to: name)
            let target = state.withLockedValue { $0.connected }
            let isJSON = Invocation.current.usualFormat == .json
            let document = Tree.map([
                .init("schema_version", .integer(1)), .init("connected", .string(target.label)),
                .init("api", target.api.map { .string($0.description) } ?? .null),
            ])
            let place = target.api.map { " at \($0.place)" } ?? ""
            return print(isJSON ? document.json() + "\n" : "connected to \(printable(target.label))\(place)\n")
        } catch {
            return mistake(error.message, name: error.name, exitCode: error.exitCode)
        }
    }

    struct ConnectFailure: Error {
        var message: String
        var name: String
        var exitCode: Int32
    }

    /// Makes that peer the one of the prompt, if it answers. Else nothing is changed.
    func connect(to name: String) throws(ConnectFailure) {
        let target = try peer(named: name)
        // Whoever connects anew may have renewed a certificate.
        forgetInspectors()
        let source = PeerSource.known(KnownPeers(targets: [target], authorityFile: options.source.authorityFile))
        let found: Inspection
        do throws(CredentialsError) {
            found = try inspector(source, options.timeout, options.credentials, options.environment).inspectAndWait()
        } catch {
            throw ConnectFailure(message: "\(error)", name: "credentials", exitCode: 78)
        }
        guard let report = found.reports.first, let status = report.answer?.status else {
            let why = found.reports.first?.failure?.message ?? "stopped waiting"
            throw ConnectFailure(
                message: "\(printable(target.label)) does not answer (\(printable(why))); still connected to "
                    + state.withLockedValue { $0.connected.label }, name: "unreachable", exitCode: 69)
        }
        try checkItBelongs(status, at: target)
        // Whoever has pressed ^C reads that nothing was done.
        guard !Invocation.current.isStopped else {
            throw ConnectFailure(message: "stopped waiting", name: "interrupted", exitCode: 130)
        }
        state.withLockedValue { state in
            var connected = target
            connected.region = status.peer.region
            connected.id = status.peer.id
            // The file's own knowledge of where it is goes before what was typed now.
            let known = state.known.targets.first { $0.isSame(as: connected) }
            if known == nil {
                state.known.targets = state.known.targets.filter { $0.api != connected.api } + [connected]
            }
            state.connected = known ?? connected
            state.isChosen = true
            state.isLearnt = true
            state.seen[state.connected.label] = Seen(status: status, at: .now)
        }
    }

    /// A session is about one group and its other regions: what is typed next must not be done in another one that has the
    /// same names.
    private func checkItBelongs(_ status: StatusDocument, at target: PeerTarget) throws(ConnectFailure) {
        let (known, view) = state.withLockedValue { ($0.known.targets, $0.view) }
        if known.contains(where: { $0.api == target.api && $0.region == status.peer.region && $0.id == status.peer.id })
        {
            return
        }
        let seen = (view?.regions ?? []).flatMap(\.peers).compactMap(\.status)
        let place = printable(target.label)
        let advice = "start a session of its own with --peer"
        guard !seen.isEmpty else {
            throw ConnectFailure(
                message:
                    "whether \(place) belongs to this group cannot be told, since no peer of it answers; \(advice)",
                name: "unknown_group", exitCode: 69)
        }
        func addresses(_ status: StatusDocument) -> Set<String> {
            Set([status.peer.address] + status.peers.map(\.address))
        }
        let same = seen.filter { $0.peer.region == status.peer.region }
        let belongs =
            same.isEmpty
            ? seen.contains { ($0.regions ?? []).contains { $0.name == status.peer.region } }
                && (status.regions ?? []).contains { other in seen.contains { $0.peer.region == other.name } }
            : same.contains { !addresses($0).isDisjoint(with: addresses(status)) }
        guard belongs else {
            throw ConnectFailure(
                message: "\(place) is peer \(status.peer.id) of another group, which is called "
                    + "\(printable(status.peer.region, limit: 64)); \(advice)", name: "another_group", exitCode: 64)
        }
    }

    /// A peer that is known, or an API.
    private func peer(named name: String) throws(ConnectFailure) -> PeerTarget {
        learnIfNothingIsKnown()
        if let known = knownPeer(name) { return known }
        if Int(name) == nil, let given = try? TargetChoice(peer: name).source(environment: [:]).targets.first {
            return given
        }
        throw ConnectFailure(
            message: "there is no peer \(printable(name, limit: 60)); peers lists those that are known",
            name: "unknown_peer", exitCode: 64)
    }

    /// Makes that peer the one of the prompt, whether it answers or not: it may be the one to be waited for.
    /// - Parameter name: nil: the leader, once it is known.
    func begin(with name: String?) -> ConnectFailure? {
        guard let name else { return nil }
        do throws(ConnectFailure) {
            let target = try peer(named: name)
            state.withLockedValue { state in
                if !state.known.targets.contains(where: { $0.isSame(as: target) }) {
                    state.known.targets.append(target)
                }
                state.connected = target
                state.isChosen = true
            }
            return nil
        } catch {
            return error
        }
    }

    func refuse(_ failure: ConnectFailure, _ gate: Gate) -> Int32 {
        Invocation.$current.withValue(invocation(gate)) {
            mistake(failure.message, name: failure.name, exitCode: failure.exitCode)
        }
    }

    /// One look, where no watcher has had one.
    private func learnIfNothingIsKnown() {
        guard state.withLockedValue({ !$0.isLearnt }),
            let found = try? inspector(source, Watcher.timeout, options.credentials, options.environment)
                .inspectAndWait()
        else { return }
        take(Watcher.Look(view: ClusterView(found), happenings: [], at: .now))
    }

    private func knownPeer(_ name: String) -> PeerTarget? {
        state.withLockedValue { state in
            let all = state.known.targets
            let own = all.filter { $0.region == state.connected.region }
            return own.first { $0.id.map(String.init) == name }
                ?? all.first { $0.id != nil && $0.label == name }
                ?? all.first { $0.api?.place == name || $0.api?.description == name }
        }
    }

    private func listPeers() -> Int32 {
        let found: Inspection
        do throws(CredentialsError) {
            found = try inspector(source, options.timeout, options.credentials, options.environment).inspectAndWait()
        } catch {
            return mistake("\(error)", name: "credentials", exitCode: 78)
        }
        if Invocation.current.isStopped { return 1 }
        let view = ClusterView(found)
        let connected = state.withLockedValue { $0.connected }
        let peers = view.regions.flatMap(\.peers)
        switch Invocation.current.usualFormat {
        case .json, .yaml:
            let list = peers.map { peer -> Tree in
                let target = peer.report.target
                return .map([
                    .init("peer", .string(target.label)), .init("region", target.region.map { .string($0) } ?? .null),
                    .init("id", target.id.map { .integer(Int64($0)) } ?? .null),
                    .init("api", target.api.map { .string($0.description) } ?? .null),
                    .init("role", peer.status.map { .string($0.raft.role.rawValue) } ?? .null),
                    .init("failure", peer.report.failure.map { .string($0.message) } ?? .null),
                    .init("connected", .bool(target.isSame(as: connected))),
                ])
            }
            let document = Tree.map([
                .init("schema_version", .integer(1)), .init("connected", .string(connected.label)),
                .init("peers", .list(list)),
            ])
            return print(Invocation.current.usualFormat == .json ? document.json() + "\n" : document.yaml())
        case .table, .tsv:
            let rows = peers.map { peer in
                let target = peer.report.target
                return [
                    target.isSame(as: connected) ? ">" : "", printable(target.label, limit: 64),
                    target.api?.place ?? "?",
                    peer.status.map { printable($0.raft.role.rawValue, limit: 16) } ?? "",
                    peer.status?.production.head.map { "\($0.blockNum)" } ?? "",
                    peer.report.failure.map { printable($0.message) } ?? "",
                ]
            }
            let listing = Listing(
                titles: ["", "peer", "api", "role", "head", "failure"], numbers: [4], rows: rows,
                width: Invocation.current.terminal.width)
            return print(listing.lines(.plain).map { $0 + "\n" }.joined())
        }
    }

    // MARK: - Watching

    private func watch(_ words: [String], _ gate: any Outlet & Stoppable, _ ask: Ask?) -> Int32 {
        let order: WatchOrder
        do throws(WatchOrder.Mistake) {
            order = try WatchOrder(words)
        } catch {
            return mistake(error.message)
        }
        let carryOut: () -> Int32
        let name: String
        do throws(Grammar.Ambiguity) {
            let command = try grammar.command(order.command[0])
            name = command.name
            let rest = Array(order.command.dropFirst())
            if let own = OwnCommand(rawValue: name) {
                guard own == .peers else {
                    return mistake("watch takes a command that looks and ends; \(name) is none")
                }
                carryOut = { self.carryOut(own, rest, gate, ask) }
            } else {
                switch prepare(command, rest) {
                case .text(let text): return show(name, text)
                case .mistake(let text, let code): return mistake(text, exitCode: code)
                case .ready(let prepared):
                    guard prepared.canBeWatched else { return mistake("\(name) is not for watching") }
                    guard Self.isLooking(prepared.caution) else {
                        return mistake("watch takes a command that changes nothing; \(name) changes something")
                    }
                    carryOut = prepared.carryOut
                }
            }
        } catch {
            return mistake(error.words("command"))
        }
        return watch(order, gate, ask, carryOut)
    }

    private static func isLooking(_ caution: Caution) -> Bool {
        switch caution {
        case .none: true
        case .switch(let request): request.isDryRun
        case .yes, .typed: false
        }
    }

    private func watch(
        _ order: WatchOrder, _ gate: any Outlet & Stoppable, _ ask: Ask?, _ carryOut: () -> Int32
    ) -> Int32 {
        let copy = CopyingOutlet(gate)
        let invocation = Invocation.current.writing(to: copy)
        var first: String?
        while true {
            let next = ContinuousClock.now + order.period
            if isAttended { gate.show("-- \(Session.now().description)\n") }
            let code = Invocation.$current.withValue(invocation) { carryOut() }
            if gate.isStopped { return 0 }
            let output = copy.take()
            if let condition = order.condition,
                condition.isMet(exitCode: code, output: output, first: first ?? output)
            {
                return 0
            }
            first = first ?? output
            Pause.until(next, ContinuousClock())
            if gate.isStopped { return 0 }
        }
    }

    private func follow(_ gate: any Outlet & Stoppable) -> Int32 {
        let inspector: Inspector
        state.withLockedValue { $0.isFollowing = true }
        defer { state.withLockedValue { $0.isFollowing = false } }
        do throws(CredentialsError) {
            inspector = try self.inspector(source, Watcher.timeout, options.credentials, options.environment)
        } catch {
            return mistake("\(error)", name: "credentials", exitCode: 78)
        }
        let clock = ContinuousClock()
        var said: Inspection?
        // What was last seen before, so that nothing is missed between.
        var shown = state.withLockedValue { $0.view }
        if isAttended { gate.show("-- following; ^C ends it\n") }
        while !gate.isStopped {
            let next = clock.now + .seconds(1)
            let found = inspector.inspectAndWait()
            if gate.isStopped { return 0 }
            let view = ClusterView(Watcher.patient(said, found))
            let time = Session.now()
            if let before = shown {
                for happening in Happening.between(before, view) {
                    let isJSON = Invocation.current.usualFormat == .json
                    let line = isJSON ? happening.document(at: time).json(.oneLine) : line(of: happening, at: time)
                    guard print(line + "\n") == 0 else { return 1 }
                }
            }
            (said, shown) = (found, view)
            Pause.until(next, clock)
        }
        return 0
    }

    // MARK: - The session itself

    private func enable(_ word: String?) -> Int32 {
        guard let minutes = word.map({ Int($0) }) ?? Self.usualMinutes, OwnCommand.enabledMinutes.contains(minutes)
        else {
            return mistake("enable takes minutes from 1 to 120")
        }
        state.withLockedValue { $0.enabled = (minutes, .now + .seconds(60 * minutes)) }
        guard isAttended else { return 0 }
        return print("what changes something is allowed, until nothing was done for \(minutes) min; disable ends it\n")
    }

    private static var usualMinutes: Int { OwnCommand.usualMinutes }

    private func printSetting(_ name: String, _ value: String) -> Int32 {
        guard Invocation.current.usualFormat == .json else { return print(value + "\n") }
        return print(Tree.map([.init("schema_version", .integer(1)), .init(name, .string(value))]).json() + "\n")
    }

    private func setOutput(_ word: String?) -> Int32 {
        guard let word else { return printSetting("output", Invocation.current.usualFormat.rawValue) }
        let found = OutputFormat.allCases.filter { $0.rawValue.hasPrefix(word) }
        guard let format = found.first(where: { $0.rawValue == word }) ?? (found.count == 1 ? found.first : nil) else {
            return mistake("output takes \(OutputFormat.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        state.withLockedValue { $0.format = format }
        return 0
    }

    private func setTiming(_ word: String?) -> Int32 {
        switch word {
        case "on": state.withLockedValue { $0.isTiming = true }
        case "off": state.withLockedValue { $0.isTiming = false }
        case nil: return printSetting("timing", state.withLockedValue { $0.isTiming } ? "on" : "off")
        case _?: return mistake("timing takes on or off")
        }
        return 0
    }

    private func showLines() -> Int32 {
        let lines = state.withLockedValue { $0.lines.lines }
        if Invocation.current.usualFormat == .json {
            let document = Tree.map([
                .init("schema_version", .integer(1)), .init("lines", .list(lines.map { .string($0) })),
            ])
            return print(document.json() + "\n")
        }
        return print(lines.map { printable($0, limit: .max) + "\n" }.joined())
    }

    private func help(_ word: String?) -> Int32 {
        if let word {
            do throws(Grammar.Ambiguity) {
                let command = try grammar.command(word)
                if OwnCommand(rawValue: command.name) != nil { return show(command.name, command.help) }
                guard case .text(let text) = table.prepare([command.name, "--help"], region: "") else {
                    return show(command.name, command.help)
                }
                return show(command.name, text)
            } catch {
                return mistake(error.words("command"))
            }
        }
        let commands = grammar.commands
        if Invocation.current.usualFormat == .json {
            let list = commands.map { Tree.map([.init("name", .string($0.name)), .init("help", .string($0.help))]) }
            return print(
                Tree.map([.init("schema_version", .integer(1)), .init("commands", .list(list))]).json() + "\n")
        }
        let own = Set(Self.ownCommands.map(\.name))
        func list(_ commands: [Grammar.Command]) -> String {
            commands.map { command in
                let name = command.name + String(repeating: " ", count: max(1, 13 - command.name.count))
                return "  \(name)\(command.help)\n"
            }.joined()
        }
        return print(
            "As on the command line (help COMMAND tells how):\n" + list(commands.filter { !own.contains($0.name) })
                + "\nOf the session:\n" + list(commands.filter { own.contains($0.name) })
                + "\nA unique beginning is enough. ? shows what can come next, TAB completes.\n")
    }

    func show(_ name: String, _ text: String) -> Int32 {
        guard Invocation.current.usualFormat == .json else { return print(text.hasSuffix("\n") ? text : text + "\n") }
        let document = Tree.map([
            .init("schema_version", .integer(1)), .init("command", .string(name)), .init("text", .string(text)),
        ])
        return print(document.json() + "\n")
    }
}
