// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

/// Who asked for a change, and why. Stands in the log with the change itself.
public struct OperatorAct: Hashable, Sendable {
    /// Of `operation`, `who` and `from`, in bytes.
    public static let longestName = 128
    /// Of `reason`, in bytes.
    public static let longestReason = 512

    /// Names the request: one that comes again under the same name is not carried out again.
    public var operation: String
    public var who: String
    /// Where the request came from.
    public var from: String
    /// Empty when none was given.
    public var reason: String
    /// By the clock of the peer that took it in, in milliseconds since 1970.
    public var at: Int64

    /// Texts that are too long are cut.
    public init(operation: String, who: String, from: String, reason: String, at: Int64) {
        self.operation = operation.cut(toBytes: Self.longestName)
        self.who = who.cut(toBytes: Self.longestName)
        self.from = from.cut(toBytes: Self.longestName)
        self.reason = reason.cut(toBytes: Self.longestReason)
        self.at = at
    }
}

extension String {
    /// The longest beginning of whole characters that fits.
    fileprivate func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = startIndex
        while end < endIndex, case let next = index(after: end), self[..<next].utf8.count <= limit { end = next }
        return String(self[..<end])
    }
}

/// What an entry of the kind `operation` says. A leader writes them.
public enum Record: Hashable, Sendable {
    /// This peer leads the term of the entry. `at`: by its own clock, in milliseconds since 1970.
    case leads(PeerID, at: Int64)
    /// Leadership is to be handed over; what became of it says the next `leads`, or `transferFailed`.
    case transfer(to: PeerID, OperatorAct)
    /// The leader of before still leads. `why`: in a few words.
    case transferFailed(operation: String, why: String, at: Int64)
    /// A peer is to take no leadership while another one can, or to take part as before.
    case maintenance(PeerID, isOn: Bool, OperatorAct)
    /// An operator's word that no other region is active; refused unless `expects` is the region's epoch.
    case confirm(expects: UInt64, OperatorAct)
    /// A switch between regions begins, and no other may until it has ended.
    case switchBegins(SwitchNote)
    case switchEnds(SwitchEnd)
    /// Another region has gone on without the last blocks of this one, which is not active. `lostFrom`: the lowest height of
    /// which this region's block may not be the chain's. `at`: by the clock of the peer that wrote it, in milliseconds since 1970.
    case leftBehind(by: RegionReport, lostFrom: UInt32, at: Int64)
}

extension Record {
    private enum Tag: UInt8 {
        case leads = 1
        case transfer, transferFailed, maintenance, confirm, switchBegins, switchEnds, leftBehind
    }

    private static let version: UInt8 = 1

    public func encoded() -> [UInt8] {
        var out = Encoder()
        out.byte(Self.version)
        switch self {
        case .leads(let peer, let at):
            out.byte(Tag.leads.rawValue)
            out.peer(peer)
            out.time(at)
        case .transfer(let peer, let act):
            out.byte(Tag.transfer.rawValue)
            out.peer(peer)
            out.act(act)
        case .transferFailed(let operation, let why, let at):
            out.byte(Tag.transferFailed.rawValue)
            out.text(operation)
            out.text(why)
            out.time(at)
        case .maintenance(let peer, let isOn, let act):
            out.byte(Tag.maintenance.rawValue)
            out.peer(peer)
            out.byte(isOn ? 1 : 0)
            out.act(act)
        case .confirm(let expects, let act):
            out.byte(Tag.confirm.rawValue)
            out.number(expects)
            out.act(act)
        case .switchBegins(let note):
            out.byte(Tag.switchBegins.rawValue)
            out.note(note)
        case .switchEnds(let end):
            out.byte(Tag.switchEnds.rawValue)
            out.text(end.id)
            out.byte(end.isDone ? 1 : 0)
            out.text(end.words)
            out.optional(end.gapMS)
            out.time(end.at)
        case .leftBehind(let report, let first, let at):
            out.byte(Tag.leftBehind.rawValue)
            out.report(report)
            out.number(UInt64(first))
            out.time(at)
        }
        return out.data
    }

    public init?(encoded: [UInt8]) {
        var input = Decoder(encoded)
        guard input.byte() == Self.version, let tag = input.byte().flatMap(Tag.init(rawValue:)) else { return nil }
        switch tag {
        case .leads:
            guard let peer = input.peer(), let at = input.time() else { return nil }
            self = .leads(peer, at: at)
        case .transfer:
            guard let peer = input.peer(), let act = input.act() else { return nil }
            self = .transfer(to: peer, act)
        case .transferFailed:
            guard let operation = input.text(), let why = input.text(), let at = input.time() else { return nil }
            self = .transferFailed(operation: operation, why: why, at: at)
        case .maintenance:
            guard let peer = input.peer(), let isOn = input.byte(), isOn <= 1, let act = input.act() else { return nil }
            self = .maintenance(peer, isOn: isOn == 1, act)
        case .confirm:
            guard let expects = input.number(), let act = input.act() else { return nil }
            self = .confirm(expects: expects, act)
        case .switchBegins:
            guard let note = input.note() else { return nil }
            self = .switchBegins(note)
        case .switchEnds:
            guard let id = input.text(), let isDone = input.byte(), isDone <= 1, let words = input.text(),
                let gap = input.optional(), let at = input.time()
            else { return nil }
            self = .switchEnds(SwitchEnd(id: id, isDone: isDone == 1, words: words, gapMS: gap.value, at: at))
        case .leftBehind:
            guard let report = input.report(), let first = input.number().flatMap({ UInt32(exactly: $0) }),
                let at = input.time()
            else { return nil }
            self = .leftBehind(by: report, lostFrom: first, at: at)
        }
        guard input.isAtEnd else { return nil }
    }
}

extension Encoder {
    mutating func text(_ text: String) { bytes(Array(text.utf8)) }
    mutating func time(_ time: Int64) { number(UInt64(bitPattern: time)) }
    mutating func peer(_ peer: PeerID) { number(UInt64(peer.value)) }

    mutating func act(_ act: OperatorAct) {
        for field in [act.operation, act.who, act.from, act.reason] { text(field) }
        time(act.at)
    }
}

extension Decoder {
    mutating func text() -> String? { bytes().flatMap { String(validating: $0, as: UTF8.self) } }
    mutating func time() -> Int64? { number().map { Int64(bitPattern: $0) } }
    mutating func peer() -> PeerID? { number().flatMap { Int(exactly: $0) }.map { PeerID($0) } }

    mutating func act() -> OperatorAct? {
        guard let operation = text(), let who = text(), let from = text(), let reason = text(), let at = time() else {
            return nil
        }
        let act = OperatorAct(operation: operation, who: who, from: from, reason: reason, at: at)
        // Longer ones are never written.
        return (act.operation, act.who, act.from, act.reason) == (operation, who, from, reason) ? act : nil
    }
}
