// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Failover
import HTTP
import NIOCore
import NIOHTTP1

/// One region's group, as a switch talks to it: whoever leads is found anew for every question, and no peer that keeps
/// silent is waited for. For commands: everything is waited for on the calling thread.
final class RegionGroup: Sendable {
    /// For how long something is waited for, in milliseconds. A switch is under way meanwhile.
    struct Limits: Sendable {
        /// A peer's word of how it is.
        var lookMS: Int64 = 1_000
        /// The answer to a change; then the region is looked at, which tells more.
        var answerMS: Int64 = 2_000
        /// Between two looks.
        var pauseMS = Failover.Limits.pauseMS
    }

    /// What the peers said in one round.
    struct Look: Sendable {
        var reports: [PeerReport] = []

        /// The leader that holds the lease; nil when none says so.
        var leader: (target: PeerTarget, status: StatusDocument)? {
            let claims = reports.compactMap { report -> (target: PeerTarget, status: StatusDocument)? in
                guard let status = report.answer?.status, status.raft.role == .leader, status.holdsLease else {
                    return nil
                }
                return (report.target, status)
            }
            return claims.max { $0.status.raft.term < $1.status.raft.term }
        }

        var statuses: [StatusDocument] { reports.compactMap(\.answer?.status) }
        var isDenied: Bool { statuses.isEmpty && reports.contains { $0.failure?.isDenial == true } }

        /// Why nobody leads, in a few words.
        var trouble: String {
            let silent = reports.compactMap { report in report.failure.map { (report.target.name, $0.message) } }
            if statuses.isEmpty, let (_, why) = silent.first {
                return "no peer gives a status: \(printable(why, limit: 80))"
            }
            let claimant = statuses.first { $0.raft.role == .leader }
            if let claimant { return "peer \(claimant.peer.id) leads and holds no lease" }
            return "no peer that answers leads"
        }
    }

    /// What became of a request. Even what was refused is looked at again: an answer may be late, or of another moment.
    enum Reply: Sendable {
        case done
        case refused(name: String, message: String)
        /// It may have been carried out.
        case unknown(String)
        case notSent(String)
        case denied(String)

        var words: String {
            switch self {
            case .done: "done"
            case .refused(_, let text), .unknown(let text), .notSent(let text), .denied(let text): text
            }
        }
    }

    let name: String
    private let targets: [PeerTarget]
    private let inspector: Inspector
    private let limits: Limits

    init(_ region: RegionView, _ inspector: Inspector, _ limits: Limits) {
        self.limits = limits
        name = region.label
        targets = region.peers.map(\.report.target)
        self.inspector = inspector
    }

    /// Asks all peers, and waits for the leader and as many more as make a quorum, or for all.
    /// - Parameter block: until as many nodeos as make a quorum hold this block, all are waited for.
    func look(untilHeld block: Block? = nil) -> Look { wait(for: lookSoon(untilHeld: block)) }

    /// Several at once, each with its block.
    static func look(at groups: [RegionGroup], untilHeld blocks: [Block?]) -> [Look] {
        let looks = zip(groups, blocks).map { $0.lookSoon(untilHeld: $1) }
        return zip(groups, looks).map { $0.wait(for: $1) }
    }

    private func wait(for look: EventLoopFuture<Look>) -> Look {
        do {
            return try look.wait()
        } catch {
            preconditionFailure("asking the peers cannot fail as a whole: \(error)")
        }
    }

    private func lookSoon(untilHeld block: Block?) -> EventLoopFuture<Look> {
        let loop = inspector.eventLoop
        let inspector = inspector
        let targets = targets
        let timeoutMS = limits.lookMS
        return loop.flatSubmit {
            let promise = loop.makePromise(of: Look.self)
            let round = NIOLoopBound(Round(promise, expected: targets.count, block), eventLoop: loop)
            for target in targets {
                inspector.ask(target, timeoutMS: timeoutMS).assumeIsolated().whenSuccess { round.value.take($0) }
            }
            if targets.isEmpty { promise.succeed(Look()) }
            return promise.futureResult
        }
    }

    /// The answers of one look, until they are enough.
    final class Round {
        private let expected: Int
        private let block: Block?
        private var look = Look()
        private var promise: EventLoopPromise<Look>?

        init(_ promise: EventLoopPromise<Look>, expected: Int, _ block: Block?) {
            self.promise = promise
            self.expected = expected
            self.block = block
        }

        func take(_ report: PeerReport) {
            look.reports.append(report)
            guard isEnough || look.reports.count == expected else { return }
            promise?.succeed(look)
            promise = nil
        }

        var isOver: Bool { promise == nil }

        private var isEnough: Bool {
            guard let needed = look.leader?.status.raft.quorumSize, look.statuses.count >= needed else { return false }
            return block.map { !Chain.lacksHolders(of: $0, look, needed: needed) } ?? true
        }
    }

    /// Sends a change to the leader of that look.
    func send(_ path: String, _ body: [UInt8], to target: PeerTarget, timeoutMS: Int64) -> Reply {
        let limit = max(1, timeoutMS)
        do {
            let answer = try inspector.send(.POST, path, to: target, body: body, timeoutMS: limit).wait()
            if answer.status == .ok { return .done }
            guard let error = try? ErrorDocument(json: answer.body.readableBytesView) else {
                return .unknown("\(target.name) of \(name) answered HTTP \(answer.status.code) and no reason")
            }
            let message = "\(target.name) of \(name): \(printable(error.message, limit: 400))"
            switch error.error.name {
            case ErrorKind.unauthorized.name, ErrorKind.forbidden.name: return .denied(message)
            case ErrorKind.outcomeUnknown.name: return .unknown(message)
            default: return .refused(name: error.error.name, message: message)
            }
        } catch let error as HTTPClientError {
            let message = "\(target.name) of \(name): \(error)"
            switch error.conclusion {
            case .nothingWasSent: return .notSent(message)
            case .outcomeUnknown: return .unknown(message)
            }
        } catch {
            return .notSent("\(target.name) of \(name): \(error)")
        }
    }

    /// A block, from whichever of these peers has it; the first that answers well counts.
    /// - Parameter query: `num=12`, or `id=...`.
    func block(_ query: String, from peers: [PeerTarget]? = nil) -> (block: CommittedBlock, teller: PeerTarget)? {
        for target in peers ?? targets {
            guard
                let document = try? inspector.document(
                    BlockDocument.self, "/v1/prodha/block?" + query, of: target, maxBytes: Inspector.maxBlockBytes),
                let block = CommittedBlock(document)
            else { continue }
            return (block, target)
        }
        return nil
    }

    /// Those that answered in that look, its leader last: they are independent of it.
    func peers(_ look: Look) -> [PeerTarget] {
        let answering = look.reports.filter { $0.answer != nil }.map(\.target)
        let leader = look.leader?.target
        return answering.filter { $0 != leader } + [leader].compactMap { $0 }
    }
}

/// A block as a peer has it committed, with what its header says.
struct CommittedBlock: Hashable, Sendable {
    var number: UInt32
    var id: String
    /// A packed signed_block.
    var bytes: [UInt8]
    /// The id of the block before it.
    var previous: String
    /// Of its time slot, in milliseconds since 1970.
    var time: Int64

    var reference: BlockReference { BlockReference(blockNum: number, blockID: id) }

    /// Nil when the bytes are too short for a header.
    init?(_ document: BlockDocument) {
        // timestamp 4, producer 8, confirmed 2, previous 32; slots of half a second since 2000.
        let bytes = document.block.bytes
        guard bytes.count >= 46 else { return nil }
        let slot = bytes[0..<4].reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
        number = document.blockNum
        id = document.blockID
        self.bytes = bytes
        previous = Hex.encode(bytes[14..<46])
        time = 946_684_800_000 + slot * 500
    }
}
