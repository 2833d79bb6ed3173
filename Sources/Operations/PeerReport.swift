// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import HTTP

/// What became of asking one peer for its status.
public struct PeerReport: Hashable, Sendable {
    public enum Outcome: Hashable, Sendable {
        case answered(PeerAnswer)
        case failed(PeerFailure)
    }

    public var target: PeerTarget
    public var outcome: Outcome

    public init(target: PeerTarget, outcome: Outcome) {
        self.target = target
        self.outcome = outcome
    }

    public var answer: PeerAnswer? {
        switch outcome {
        case .answered(let answer): answer
        case .failed: nil
        }
    }

    public var failure: PeerFailure? {
        switch outcome {
        case .answered: nil
        case .failed(let failure): failure
        }
    }
}

/// A status that came back.
public struct PeerAnswer: Hashable, Sendable {
    public var status: StatusDocument
    /// The last that it knows of the others.
    public var known: [KnownStatus]
    /// When it arrived, by this machine's clock.
    public var at: UTCInstant
    /// From asking to the whole answer, connecting included.
    public var roundTrip: Milliseconds

    /// By how much the peer's clock is ahead of this machine's, in milliseconds, give or take half the round trip; nil when
    /// it does not say.
    public var clockOffset: Double? {
        status.peer.time.map {
            Double($0.unixMilliseconds) - (Double(at.unixMilliseconds) - roundTrip.value / 2)
        }
    }

    public init(status: StatusDocument, known: [KnownStatus] = [], at: UTCInstant, roundTrip: Milliseconds) {
        self.status = status
        self.known = known
        self.at = at
        self.roundTrip = roundTrip
    }
}

/// Why there is no status of a peer.
public enum PeerFailure: Error, Hashable, Sendable {
    /// Nothing listens there.
    case refused
    /// No connection, for another reason.
    case cannotConnect(String)
    case noAnswer(withinMS: Int64)
    /// The connection closed in the middle of the answer, or before it.
    case brokenOff
    /// What came back is not a status.
    case garbage(String)
    /// An error, named when it has the form of ours.
    case httpError(status: Int, name: String?, message: String)
    /// A status of another form than this version reads.
    case otherSchemaVersion(Int)
    /// Another peer answers where this one should be.
    case someoneElse(region: String, id: Int)
    /// Its API is of a kind that cannot be called from here.
    case cannotBeCalled(String)
    /// Other peers tell of it, and nobody says where its API is.
    case notListed

    /// The reason as scripts read it.
    public var name: String {
        switch self {
        case .refused: "connection_refused"
        case .cannotConnect: "cannot_connect"
        case .noAnswer: "no_answer"
        case .brokenOff: "broken_off"
        case .garbage: "garbage"
        case .httpError: "http_error"
        case .otherSchemaVersion: "other_schema_version"
        case .someoneElse: "someone_else"
        case .cannotBeCalled: "cannot_be_called"
        case .notListed: "not_listed"
        }
    }

    /// The peer wants another token, or one at all.
    var isDenial: Bool {
        guard case .httpError(_, let name?, _) = self else { return false }
        return [ErrorKind.unauthorized.name, ErrorKind.forbidden.name].contains(name)
    }

    /// Whether the peer was reached, in one word: "unreachable".
    var adjective: String {
        switch self {
        case .refused, .cannotConnect, .noAnswer: "unreachable"
        case .brokenOff, .garbage, .httpError, .otherSchemaVersion: "unreadable"
        case .someoneElse: "not found"
        case .cannotBeCalled, .notListed: "not asked"
        }
    }

    /// The reason in a few words.
    public var message: String {
        switch self {
        case .refused: "connection refused"
        case .cannotConnect(let text): text
        case .noAnswer(let limit): "no answer within \(limit) ms"
        case .brokenOff: "the answer broke off; is it http or https?"
        case .garbage(let what): "not a status: \(what)"
        case .httpError(let status, let name?, _): "HTTP \(status) \(name)"
        case .httpError(let status, nil, _): "HTTP \(status)"
        case .otherSchemaVersion(let number):
            "it speaks schema version \(number), this tool \(SchemaVersion.current.number)"
        case .someoneElse(let region, let id): "peer \(id) of \(region) answers there"
        case .cannotBeCalled(let text): text
        case .notListed: "the file does not list it"
        }
    }
}

extension PeerFailure {
    /// - Parameter place: what the client's words begin with.
    init(_ error: HTTPClientError, place: String, timeoutMS: Int64) {
        switch error {
        case .badURL(let text): self = .cannotBeCalled(text)
        case .cannotConnect(let text):
            let prefix = "\(place): "
            let reason = text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
            if reason.contains("refused") {
                self = .refused
            } else if reason.hasPrefix("no connection within") || reason.hasPrefix("no answer to") {
                self = .noAnswer(withinMS: timeoutMS)
            } else if reason.contains("UnknownHost") || reason.contains("host name is not known") {
                self = .cannotConnect("host name not known")
            } else {
                self = .cannotConnect(Self.withoutNumber(reason))
            }
        case .noAnswer, .cancelled: self = .noAnswer(withinMS: timeoutMS)
        case .closedEarly: self = .brokenOff
        case .badAnswer(let what): self = .garbage("not HTTP (\(what))")
        case .answerTooLarge(let limit): self = .garbage("over \(limit) bytes")
        }
    }

    /// "No route to host (errno: 113)" without the number, which says nothing to an operator.
    private static func withoutNumber(_ text: String) -> String {
        guard text.hasSuffix(")"), let mark = text.firstRange(of: " (errno: ") else { return text }
        return String(text[..<mark.lowerBound])
    }
}

/// All answers and failures of one round of asking.
public struct Inspection: Hashable, Sendable {
    /// One report per peer, in the order of the file.
    public var reports: [PeerReport]
    /// `leader_election_quorum_size` as the file has it, for the file's own region.
    public var quorumInFile: [String: Int]

    public init(reports: [PeerReport], quorumInFile: [String: Int] = [:]) {
        self.reports = reports
        self.quorumInFile = quorumInFile
    }
}
