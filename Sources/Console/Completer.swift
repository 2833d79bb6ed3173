// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Operations

/// What is known of the group while somebody types: the last that was heard.
struct LiveValues: Sendable {
    struct Peer: Equatable, Sendable {
        var region: String?
        var id: Int?
        var api: String
        /// "leads", "follows", "does not answer".
        var note: String
    }

    var peers: [Peer] = []
    var regions: [(name: String, note: String)] = []
    /// The region that is meant when none is named.
    var region: String?
    /// The newest committed entry of that region.
    var commitIndex: UInt64?

    init() {}

    /// - Parameter commitIndexes: the last that was heard, by region.
    init(_ view: ClusterView, region: String?, commitIndexes: [String: UInt64] = [:]) {
        self.region = region ?? view.regions.first?.name
        for known in view.regions {
            for peer in known.peers {
                let note = peer.status == nil ? "does not answer" : peer.isLeader ? "leads" : "follows"
                peers.append(
                    .init(region: known.name, id: peer.id, api: peer.report.target.api?.place ?? "?", note: note))
            }
            if let name = known.name { regions.append((name, "\(known.up) of \(known.total) up")) }
        }
        commitIndex = view.region(named: self.region)?.bestCommitIndex ?? self.region.flatMap { commitIndexes[$0] }
    }
}

extension LiveValues.Peer {
    fileprivate func candidate(named prefix: String) -> Completer.Candidate? {
        id.map { Completer.Candidate(word: "\(prefix)\($0)", help: "\(api), \(note)") }
    }
}

/// Says what may come next in a line. Knows the grammar and the last that was heard, and asks nobody.
struct Completer {
    struct Candidate: Equatable {
        var word: String
        var help: String
    }

    /// What may stand in the place of the word that is being typed.
    struct Offer: Equatable {
        var candidates: [Candidate] = []
        /// Files of this machine may stand there, too.
        var takesFile = false
        /// What is wanted, where it is nothing that can be listed.
        var wanted: [Candidate] = []
        /// An option waits for its value, so nothing else can stand there.
        var isOptionsValue = false
    }

    /// How many entries of the log are offered, newest first, each further away than the one before.
    static let indexSteps: [UInt64] = [0, 10, 100, 1000, 10_000]

    var grammar: Grammar
    var values: LiveValues

    /// - Parameter line: up to the place where somebody types.
    func offer(_ line: some StringProtocol) -> Offer {
        let words = Words(partOf: line)
        return offer(words.complete, begun: words.last ?? "")
    }

    private func offer(_ complete: [String], begun: String) -> Offer {
        guard let first = complete.first else {
            return matching(grammar.commands.map { Candidate(word: $0.name, help: $0.help) }, begun)
        }
        guard let command = try? grammar.command(first) else { return Offer() }
        return command.name == "watch" ? watched(complete, begun) : inside(command, Array(complete.dropFirst()), begun)
    }

    /// `watch [SECONDS] COMMAND [until CONDITION]`
    private func watched(_ complete: [String], _ begun: String) -> Offer {
        var rest = Array(complete.dropFirst())
        if let seconds = rest.first, Double(seconds) != nil { rest.removeFirst() }
        if let mark = rest.lastIndex(of: "until"), mark > 0 {
            guard mark == rest.count - 1 else { return Offer() }
            var offer = matching(WatchCondition.words.map { Candidate(word: $0.word, help: $0.help) }, begun)
            offer.wanted = [Candidate(word: "TEXT", help: "until the output holds this text")]
            return offer
        }
        var offer = offer(rest, begun: begun)
        if !rest.isEmpty, "until".hasPrefix(begun), !offer.isOptionsValue {
            offer.candidates.append(Candidate(word: "until", help: "end when a condition holds"))
        }
        return offer
    }

    private func inside(_ command: Grammar.Command, _ words: [String], _ begun: String) -> Offer {
        var arguments = command.arguments[...]
        var given: Set<String> = []
        var awaited: Grammar.Option?
        var optionsAreOver = false
        var region = values.region
        for word in words {
            if let option = awaited {
                if option.names.contains("--region") { region = word }
                awaited = nil
            } else if word == "--" {
                optionsAreOver = true
            } else if !optionsAreOver, word.hasPrefix("-"), word.count > 1 {
                let name = String(word.prefix { $0 != "=" })
                let option = (try? command.expanded([name])).flatMap { command.option($0[0]) }
                given.formUnion(option?.names ?? [])
                if option?.value != nil, !word.contains("=") { awaited = option }
            } else if let argument = arguments.first, !argument.isRepeating {
                arguments = arguments.dropFirst()
            }
        }
        if let awaited, let value = awaited.value {
            var offer = values(value, begun, help: awaited.help, of: region)
            offer.isOptionsValue = true
            return offer
        }
        if let mark = begun.firstIndex(of: "="), let option = command.option(String(begun[..<mark])),
            let value = option.value
        {
            var offer = values(value, String(begun[begun.index(after: mark)...]), help: option.help, of: region)
            offer.candidates = offer.candidates.map { Candidate(word: begun[...mark] + $0.word, help: $0.help) }
            return offer
        }
        var offer = Offer()
        if let argument = arguments.first, !begun.hasPrefix("-") {
            offer = values(argument.value, begun, help: argument.help, of: region)
            if offer.candidates.isEmpty, offer.wanted.isEmpty, !offer.takesFile {
                offer.wanted = [Candidate(word: argument.name, help: argument.help)]
            }
        }
        // Options are many: they are offered where one begins, or where nothing else can come.
        if begun.hasPrefix("-") || begun.isEmpty && !offer.takesFile {
            let options = command.options.filter { given.isDisjoint(with: $0.names) }
            offer.candidates += options.compactMap { option in
                let name = option.names.first { $0.hasPrefix("--") && $0.hasPrefix(begun) }
                return (name ?? option.names.first { $0.hasPrefix(begun) }).map {
                    Candidate(word: $0, help: option.help)
                }
            }
        }
        return offer
    }

    private func values(_ value: Grammar.Value, _ begun: String, help: String, of region: String?) -> Offer {
        let candidates: [Candidate]
        switch value {
        case .peer: candidates = values.peers.filter { $0.region == region }.compactMap { $0.candidate(named: "") }
        case .anyPeer:
            candidates = values.peers.compactMap { peer in
                peer.candidate(named: peer.region == values.region ? "" : "\(peer.region ?? "")/")
            }
        case .region: candidates = values.regions.map { Candidate(word: $0.name, help: $0.note) }
        case .api: candidates = values.peers.map { Candidate(word: $0.api, help: $0.note) }
        case .command: candidates = grammar.commands.map { Candidate(word: $0.name, help: $0.help) }
        case .words(let words): candidates = words.map { Candidate(word: $0, help: help) }
        case .index:
            let last = values.commitIndex ?? 0
            candidates = Self.indexSteps.filter { $0 < last }.map { step in
                Candidate(word: "\(last - step)", help: step == 0 ? "the newest entry" : "\(step) before it")
            }
        case .file: return Offer(takesFile: true, wanted: [Candidate(word: "FILE", help: help)])
        case .text: return Offer(wanted: [Candidate(word: "TEXT", help: help)])
        }
        var offer = matching(candidates, begun)
        if candidates.isEmpty { offer.wanted = [Candidate(word: "VALUE", help: help)] }
        return offer
    }

    private func matching(_ candidates: [Candidate], _ begun: String) -> Offer {
        Offer(candidates: candidates.filter { $0.word.hasPrefix(begun) })
    }

    /// For `?`: what may come next, a line each; one line when there is nothing.
    /// - Parameter line: up to the place where somebody types.
    func help(_ line: some StringProtocol, width: Int) -> String {
        let offer = offer(line)
        let all = offer.wanted + offer.candidates
        guard !all.isEmpty else { return "  nothing that is known here can come next\n" }
        let longest = min(28, all.map(\.word.count).max() ?? 0)
        return all.map { candidate in
            let word = candidate.word + String(repeating: " ", count: max(0, longest - candidate.word.count))
            let text = candidate.help.isEmpty ? "  \(candidate.word)" : "  \(word)  \(candidate.help)"
            // One line each: the rest of a long help is in `help COMMAND`.
            return (text.count > width ? String(text.prefix(max(1, width - 3))) + "..." : text) + "\n"
        }.joined()
    }
}
