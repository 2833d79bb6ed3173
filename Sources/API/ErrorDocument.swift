// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// An error's name, its HTTP status and its meaning.
public struct ErrorKind: Hashable, Sendable {
    public let name: String
    public let status: Int
    /// One sentence: what happened, what is known now, what to do.
    public let what: String

    public init(name: String, status: Int, what: String) {
        self.name = name
        self.status = status
        self.what = what
    }
}

extension ErrorKind {
    // The request is at fault.
    public static let malformedRequest = ErrorKind(
        name: "malformed_request", status: 400, what: "The request cannot be understood; nothing was done; correct it.")
    public static let malformedBlock = ErrorKind(
        name: "malformed_block", status: 400,
        what: "The bytes are not a packed signed_block; nothing was appended; send the block as the chain packs it.")
    public static let unauthorized = ErrorKind(
        name: "unauthorized", status: 401,
        what: "The call needs a token; nothing was done; give one that is configured.")
    public static let forbidden = ErrorKind(
        name: "forbidden", status: 403,
        what: "This token or address may not make this call; nothing was done; use an operator's token.")
    public static let misdirected = ErrorKind(
        name: "misdirected_request", status: 421,
        what: "The request names a host that this API is not; nothing was done; use its address.")
    public static let notFound = ErrorKind(
        name: "not_found", status: 404, what: "There is nothing at this path; check its spelling.")
    public static let blockNotFound = ErrorKind(
        name: "block_not_found", status: 404,
        what: "The block is no longer, or not yet, in this peer's log; ask the chain, or wait for it.")
    public static let methodNotAllowed = ErrorKind(
        name: "method_not_allowed", status: 405,
        what: "The path does not take this method; nothing was done; see Allow.")
    public static let requestTimeout = ErrorKind(
        name: "request_timeout", status: 408,
        what: "The request did not arrive whole in time; nothing was done; send it again.")
    public static let waitTimeout = ErrorKind(
        name: "wait_timeout", status: 408, what: "The block was not committed within the time given; ask again.")
    public static let transactionUnknown = ErrorKind(
        name: "transaction_unknown", status: 408,
        what: "Whether a block will hold it is unknown; ask /v1/prodha/transaction, or send the same one again.")
    public static let bodyTooLarge = ErrorKind(
        name: "body_too_large", status: 413, what: "The body is over the limit of this call; nothing was done.")
    public static let headersTooLarge = ErrorKind(
        name: "headers_too_large", status: 431, what: "The head of the request is over the limit; nothing was done.")

    // The state of the group stands against it.
    public static let notLeader = ErrorKind(
        name: "not_leader", status: 409, what: "This peer does not lead; nothing was done; ask the leader.")
    public static let noQuorum = ErrorKind(
        name: "no_quorum", status: 409,
        what: "The group has no quorum; nothing was done; bring back the peers that are down.")
    public static let epochChanged = ErrorKind(
        name: "epoch_changed", status: 409,
        what: "The region's epoch is not the expected one; nothing was done; look at what changed and decide anew.")
    public static let busy = ErrorKind(
        name: "busy", status: 409,
        what: "Another change, or a hand-over, is under way; nothing was done; wait for its end and send it again.")
    public static let switchRunning = ErrorKind(
        name: "switch_running", status: 409,
        what: "Another switch between regions has begun and not ended; nothing was done; see it through first, with "
            + "failover --resume or --rollback.")
    public static let noSuchSwitch = ErrorKind(
        name: "no_such_switch", status: 409,
        what: "The switch that this is a step of is not, or no longer, open in this region; nothing was done.")
    public static let otherRegionActive = ErrorKind(
        name: "other_region_active", status: 409,
        what: "Another region says that it is active; nothing was done; use failover, which stops it first.")
    public static let otherRegionSilent = ErrorKind(
        name: "other_region_silent", status: 409,
        what: "Another region cannot be asked whether it is active; nothing was done; reach it, or force the switch.")
    public static let baseRefused = ErrorKind(
        name: "base_refused", status: 409,
        what: "The region cannot go on from that block; nothing was done; see the message.")
    public static let transferRefused = ErrorKind(
        name: "transfer_refused", status: 409,
        what: "The other peer could not take over; nothing was done; leadership stays.")
    public static let maintenanceRefused = ErrorKind(
        name: "maintenance_refused", status: 409,
        what: "No other peer could lead; nothing was done; end another peer's maintenance, or bring one up, first.")
    public static let transferFailed = ErrorKind(
        name: "transfer_failed", status: 409,
        what: "The other peer did not take over in time; ask status which peer leads now.")
    public static let unknownPeer = ErrorKind(
        name: "unknown_peer", status: 409, what: "The group has no such peer; nothing was done; see its configuration.")
    public static let outcomeUnknown = ErrorKind(
        name: "outcome_unknown", status: 409,
        what: "Leadership was lost on the way; whether it was done is unknown; ask the new leader.")

    // This peer is at fault.
    public static let internalError = ErrorKind(
        name: "internal_error", status: 500, what: "This peer could not serve the request; its log says why.")
    public static let overloaded = ErrorKind(
        name: "overloaded", status: 503, what: "This peer has too much on its hands; nothing was done; send it again.")
    public static let tooManyConnections = ErrorKind(
        name: "too_many_connections", status: 503,
        what: "All connections of this peer are taken; nothing was done; close some and try again.")
    public static let unhealthy = ErrorKind(
        name: "unhealthy", status: 503,
        what: "The peer is not in the state that was asked for; the reason is in details.")

    /// Every error there is, those of `commit_block` last; `not_leader`, `no_quorum` and `overloaded` are there twice.
    public static let catalogue: [ErrorKind] =
        [
            malformedRequest, malformedBlock, unauthorized, forbidden, misdirected, notFound, blockNotFound,
            methodNotAllowed,
            requestTimeout, waitTimeout, transactionUnknown, bodyTooLarge, headersTooLarge, notLeader, noQuorum,
            epochChanged, busy, switchRunning, noSuchSwitch, otherRegionActive, otherRegionSilent, baseRefused,
            transferRefused, maintenanceRefused, transferFailed, unknownPeer,
            outcomeUnknown, internalError, overloaded, tooManyConnections,
            unhealthy,
        ] + CommitBlockReason.known.map(\.error)
}

/// An error in nodeos's form.
public struct ErrorDocument: Document {
    public struct Details: Codable, Hashable, Sendable {
        public var name: String
        public var what: String
        /// What a script may want to know, by name: `leader_id`, `epoch`.
        public var details: [String: JSONValue]

        public init(name: String, what: String, details: [String: JSONValue]) {
            self.name = name
            self.what = what
            self.details = details
        }

        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            name = try container.decode(String.self, forKey: .name)
            what = try container.decodeIfPresent(String.self, forKey: .what) ?? ""
            // nodeos's own errors have a list here.
            let details = try container.decodeIfPresent(JSONValue.self, forKey: .details)
            switch details {
            case .object(let members): self.details = members
            case .null, nil: self.details = [:]
            case .some(let other): self.details = ["details": other]
            }
        }

        private enum CodingKeys: String, CodingKey {
            case name, what, details
        }
    }

    /// The HTTP status.
    public var code: Int
    /// What happened this time.
    public var message: String
    public var error: Details

    /// - Parameter message: nil for the kind's own sentence.
    public init(_ kind: ErrorKind, message: String? = nil, details: [String: JSONValue] = [:]) {
        code = kind.status
        self.message = message ?? kind.what
        error = Details(name: kind.name, what: kind.what, details: details)
    }
}

/// Any JSON.
public enum JSONValue: Codable, Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        // JSON has no infinities.
        case .number(let value):
            if value.isFinite { try container.encode(value) } else { try container.encodeNil() }
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

extension JSONValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByStringLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .number(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements) { _, last in last })
    }
}
