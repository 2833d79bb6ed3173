// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Operations

/// The last that one peer said.
struct Seen: Sendable {
    var status: StatusDocument
    var at: ContinuousClock.Instant
}

/// What the prompt says of the peer to which the session is connected.
struct Prompt: Equatable {
    /// An answer that is older than this is shown with its age.
    static let freshFor = Duration.seconds(4)

    enum Mood: Equatable { case well, unwell, stale }

    /// `east/2`, or its API while it is not known who that is.
    var label: String
    /// `LEADER`, or the role in small letters. Nil: it never answered.
    var role: String?
    var head: UInt32?
    /// `ok`, why it may not produce, or the age.
    var word: String?
    var mood: Mood
    var isEnabled: Bool

    init(_ target: PeerTarget, _ seen: Seen?, now: ContinuousClock.Instant, isEnabled: Bool) {
        self.isEnabled = isEnabled
        guard let seen else {
            label = printable(target.label, limit: 64)
            word = "?"
            mood = .stale
            return
        }
        let status = seen.status
        label = printable("\(status.peer.region)/\(status.peer.id)", limit: 64)
        role = status.raft.role == .leader ? "LEADER" : printable(status.raft.role.rawValue, limit: 16)
        head = status.production.head?.blockNum
        let age = now - seen.at
        if age > Self.freshFor {
            word = "?\(age.components.seconds)s"
            mood = .stale
        } else {
            word = Self.word(status.production)
            mood = word == nil || word == "ok" ? .well : .unwell
        }
    }

    /// Nil for a follower of which there is nothing to say.
    private static func word(_ production: StatusDocument.Production) -> String? {
        if production.canProduce { return "ok" }
        if production.state == .activating { return "activating" }
        if !production.regionActive { return "standby" }
        if production.paused { return "paused" }
        switch production.reason {
        case .notLeader, nil: return nil
        case let reason?: return printable(reason.rawValue, limit: 32)
        }
    }

    /// - Parameter paint: puts a colour's sequences around a text, as the line editor wants them.
    func text(_ paint: (_ text: String, _ code: String) -> String) -> String {
        let code =
            switch mood {
            case .well: "32"
            case .unwell: "33"
            case .stale: "31"
            }
        let parts = [
            label, role.map { $0 == "LEADER" ? paint($0, "1") : $0 }, head.map { "#\($0)" },
            word.map { paint($0, code) },
            isEnabled ? paint("enabled", "1;31") : nil,
        ]
        return parts.compactMap { $0 }.joined(separator: " ") + "> "
    }

    /// For terminals that take colours.
    static func coloured(_ text: String, _ code: String) -> String {
        "\u{1}\u{1b}[\(code)m\u{2}\(text)\u{1}\u{1b}[0m\u{2}"
    }
}

extension PeerTarget {
    /// `east/2`, or where its API is while its region and id are not known.
    var label: String {
        guard let region, let id else { return api?.place ?? "?" }
        return "\(region)/\(id)"
    }

    func isSame(as other: PeerTarget) -> Bool {
        if let id, let otherID = other.id { return id == otherID && region == other.region }
        return api != nil && api == other.api
    }
}
