// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Antelope
import DequeModule
import NIOCore

/// A pair of connections, one to the local nodeos and one to an outside node, and what goes over them. Neither side is
/// read while the other one does not take what it is given. Confined to the event loop.
final class P2PLink {
    enum Phase {
        /// An outside node dialled; its handshake has not come.
        case hello
        /// One end waits for the other.
        case joining
        case joined
        case ended
    }

    /// Who gave a link up.
    enum Cause { case outside, local, gate }

    let number: UInt64
    let direction: P2PDirection
    /// The configured peer at the other end, if it is one.
    let peer: P2PAddress?
    let since = NIODeadline.now()
    private(set) var phase: Phase
    private(set) var outside: P2PLinkEnd?
    private(set) var local: P2PLinkEnd?
    private unowned let gate: P2PGate
    private var joinedAt: NIODeadline?
    private(set) var upSince: NIODeadline?
    /// One of the two nodes has a link to the other already (go_away, `duplicate`).
    private(set) var isDuplicate = false

    /// What an outside node sent before the local end was there: its handshake, and what came with it.
    private var early: [ByteBuffer] = []
    /// The gate spoke first; nodeos's answer up to its handshake answers nobody.
    private var awaitsLocalHandshake = false
    private var sawLocalHandshake = false
    private var sawOutsideHandshake = false

    /// What the outside node has: it sent it, or it was sent to it.
    private var known: RecentIDs<BlockID>
    /// What nodeos sent here and was held.
    private var swallowed: RecentIDs<BlockID>
    /// What was released here and nodeos has not sent here yet: its copy of each will be one too many.
    private var owed: Deque<BlockID> = []
    /// Released blocks that wait for the handshakes.
    private var waiting: [(id: BlockID, frame: ByteBuffer)] = []
    /// Held for the first time, in the chunk that is being read.
    private var newlyHeld: [SignedBlockView] = []

    private(set) var out = P2PTraffic()
    private(set) var `in` = P2PTraffic()
    private(set) var held: UInt64 = 0
    private(set) var released: UInt64 = 0

    init(number: UInt64, direction: P2PDirection, peer: P2PAddress?, first end: P2PLinkEnd, gate: P2PGate) {
        self.number = number
        self.direction = direction
        self.peer = peer
        self.gate = gate
        phase = direction == .dialedIn ? .hello : .joining
        let limits = gate.settings.limits
        known = RecentIDs(limit: limits.maxRememberedBlocks)
        swallowed = RecentIDs(limit: limits.maxRememberedBlocks)
        switch end.side {
        case .outside: outside = end
        case .local: local = end
        }
        end.join(self)
        if phase == .hello {
            end.reader.maxFirstFrameBytes = min(limits.maxHandshakeBytes, limits.maxFrameBytes)
            end.resume()
        }
    }

    /// The outside node's address.
    var outsideAddress: String { outside?.address ?? peer?.description ?? "?" }
    var isUp: Bool { upSince != nil && phase == .joined }
    private var limits: P2PLimits { gate.settings.limits }

    var status: P2PLinkStatus {
        P2PLinkStatus(
            number: number, outside: outsideAddress, direction: direction, since: since, isUp: isUp, out: out, in: `in`,
            held: held, released: released, queuedBytes: (outside?.queuedBytes ?? 0) + (local?.queuedBytes ?? 0))
    }

    // MARK: - Joining

    /// The other end is there. `opening`: what the gate says to the local nodeos, when it dialled both.
    func join(_ end: P2PLinkEnd, opening: ByteBuffer?) {
        precondition(phase == .joining, "link \(number) is joined while it is \(phase)")
        switch end.side {
        case .outside: outside = end
        case .local: local = end
        }
        guard let outside, let local else { preconditionFailure("link \(number) has two ends of one side") }
        end.join(self)
        phase = .joined
        joinedAt = .now()
        if let opening {
            awaitsLocalHandshake = true
            local.write(opening)
        }
        for run in early { local.write(run) }
        early = []
        local.flush()
        outside.resume()
        local.resume()
    }

    // MARK: - Reading

    func read(_ chunk: ByteBuffer, from end: P2PLinkEnd) {
        guard phase != .ended else { return }
        do throws(P2PLinkError) {
            switch end.side {
            case .outside:
                try end.reader.read(chunk) { type, frame throws(P2PLinkError) in
                    try judgeIncoming(type, frame)
                } pass: { run in
                    self.in.bytes += UInt64(run.readableBytes)
                    if let local { local.write(run) } else { early.append(run) }
                }
            case .local:
                try end.reader.read(chunk) { type, frame throws(P2PLinkError) in
                    try judgeOutgoing(type, frame)
                } pass: { run in
                    out.bytes += UInt64(run.readableBytes)
                    outside?.write(run)
                }
            }
        } catch {
            give(newlyHeldToOwner: ())
            return gate.end(self, reason: "\(name(end)) sent garbage: \(error)", by: cause(end))
        }
        writeWaiting()
        give(newlyHeldToOwner: ())
        let other = end.side == .outside ? local : outside
        if phase == .hello, sawOutsideHandshake {
            phase = .joining
            end.pause()
            gate.joinLocal(self)
        } else if let other, phase == .joined {
            if !other.isWritable { end.pause() }
            checkQueue(other)
        }
    }

    func readComplete(_ end: P2PLinkEnd) {
        outside?.flush()
        local?.flush()
    }

    func writabilityChanged(_ end: P2PLinkEnd) {
        guard phase == .joined, end.isWritable else { return }
        (end.side == .outside ? local : outside)?.resume()
    }

    private func judgeIncoming(
        _ type: P2PMessageType, _ frame: P2PWholeFrame?
    ) throws(P2PLinkError) -> P2PFrameReader.Verdict {
        switch type {
        case .handshake:
            sawOutsideHandshake = true
            becomeUp()
        case .request, .syncRequest:
            // What it asks for it is to get, twice if need be.
            owed.removeAll()
        case .signedBlock:
            let block = try view(frame)
            known.insert(block.id)
            if case .drop(let reason) = gate.owner?.incoming(block: block) ?? .drop(.aboveCommittedHead) {
                gate.dropped(reason)
                return .swallow
            }
        case .goAway: isDuplicate = isDuplicate || Self.saysDuplicate(frame)
        case .chainSize, .time, .notice, .packedTransaction, .unknown: break
        }
        guard sawOutsideHandshake || direction != .dialedIn else { throw .noHandshake(type) }
        self.in.frames += 1
        return .pass
    }

    private func judgeOutgoing(
        _ type: P2PMessageType, _ frame: P2PWholeFrame?
    ) throws(P2PLinkError) -> P2PFrameReader.Verdict {
        if let time = frame?.sentAt(type) { gate.nodeosToldTime(time / 1_000_000) }
        if type == .handshake {
            if let frame { try P2PSessionOpening.check(frame) }
            awaitsLocalHandshake = false
            sawLocalHandshake = true
            becomeUp()
        } else if awaitsLocalHandshake {
            if type == .goAway {
                throw .openingRefused(frame.flatMap { $0.bytes.getInteger(at: $0.bytes.readerIndex + $0.contentStart) })
            }
            return .swallow
        } else if type == .goAway {
            isDuplicate = isDuplicate || Self.saysDuplicate(frame)
        } else if type == .signedBlock {
            let block = try view(frame)
            if let position = owed.firstIndex(of: block.id) {
                owed.remove(at: position)
                gate.sawDuplicate()
                return .swallow
            }
            switch gate.owner?.outgoing(block: block) ?? .hold {
            case .hold:
                held += 1
                swallowed.insert(block.id)
                if gate.isFirstHeld(block.id) { newlyHeld.append(block) }
                return .swallow
            case .pass:
                // It has gone past what it still owed: it will not send that any more.
                owed.removeAll { $0.blockNumber <= block.number }
                known.insert(block.id)
            }
        }
        if type == .packedTransaction, let frame, gate.withholds(frame) { return .swallow }
        out.frames += 1
        return .pass
    }

    /// `net_plugin/protocol.hpp`, `go_away_reason`: the first four bytes; 2 is `duplicate`.
    private static func saysDuplicate(_ frame: P2PWholeFrame?) -> Bool {
        guard let frame else { return false }
        return frame.bytes.getInteger(at: frame.bytes.readerIndex + frame.contentStart, as: UInt8.self) == 2
    }

    private func name(_ end: P2PLinkEnd) -> String { end.side == .outside ? "it" : "the local nodeos" }
    private func cause(_ end: P2PLinkEnd) -> Cause { end.side == .outside ? .outside : .local }

    private func view(_ frame: P2PWholeFrame?) throws(P2PLinkError) -> SignedBlockView {
        guard let frame else { preconditionFailure("a block without its frame") }
        do { return try SignedBlockView(frame) } catch { throw .badBlock(error) }
    }

    private func give(newlyHeldToOwner _: Void) {
        guard !newlyHeld.isEmpty else { return }
        let blocks = newlyHeld
        newlyHeld = []
        for block in blocks { gate.owner?.held(block: block) }
    }

    private func becomeUp() {
        guard upSince == nil, sawLocalHandshake, sawOutsideHandshake else { return }
        upSince = .now()
        gate.isUp(self)
    }

    // MARK: - Releasing

    /// Writes a released block to the outside node, unless it has it.
    func release(_ id: BlockID, frame: ByteBuffer) {
        guard phase != .ended, !known.contains(id) else { return }
        guard isUp, waiting.isEmpty else {
            // Without the handshakes nodeos itself will name it and be asked for it; what it has sent it will not name.
            guard swallowed.contains(id) else { return }
            guard waiting.count < limits.maxWaitingBlocks else {
                return gate.end(self, reason: "\(waiting.count) blocks waited for its handshake", by: .outside)
            }
            waiting.append((id, frame))
            return
        }
        write(released: id, frame)
        outside?.flush()
        if let outside { checkQueue(outside) }
    }

    private func write(released id: BlockID, _ frame: ByteBuffer) {
        guard let outside, known.insert(id) else { return }
        if !swallowed.contains(id) {
            if owed.count >= limits.maxRememberedBlocks { owed.removeFirst() }
            owed.append(id)
        }
        released += 1
        out.frames += 1
        out.bytes += UInt64(frame.readableBytes)
        outside.write(frame)
    }

    private func writeWaiting() {
        guard isUp, !waiting.isEmpty else { return }
        let blocks = waiting
        waiting = []
        for (id, frame) in blocks { write(released: id, frame) }
        outside?.flush()
    }

    // MARK: - Bounds and end

    private func checkQueue(_ end: P2PLinkEnd) {
        guard !end.isWritable else { return }
        let queued = end.queuedBytes
        guard queued > limits.maxQueuedBytes else { return }
        gate.end(
            self, reason: "\(name(end)) is too slow: \(queued) bytes waited for it", by: cause(end))
    }

    /// Looks at the clock.
    func sweep(at now: NIODeadline) {
        switch phase {
        case .hello where now - since > TimeAmount(limits.helloTimeout):
            return gate.end(self, reason: "no handshake came within \(limits.helloTimeout)", by: .outside)
        case .joining:
            if now - since > TimeAmount(limits.joinTimeout + limits.helloTimeout) {
                return gate.end(
                    self, reason: local == nil ? "the local nodeos cannot be reached" : "the peer cannot be reached",
                    by: local == nil ? .local : .outside)
            }
        case .joined:
            if let joinedAt, !isUp, now - joinedAt > TimeAmount(limits.handshakeTimeout) {
                let who = sawLocalHandshake ? "it" : "the local nodeos"
                return gate.end(
                    self, reason: "no handshake of \(who) came within \(limits.handshakeTimeout)",
                    by: sawLocalHandshake ? .outside : .local)
            }
        case .hello: break
        case .ended: return
        }
        if let reason = outside?.overdue(at: now) { return gate.end(self, reason: reason, by: .outside) }
        if let reason = local?.overdue(at: now) {
            gate.end(self, reason: "the local nodeos: \(reason)", by: .local)
        }
    }

    /// A connection is closed.
    func lost(_ end: P2PLinkEnd, reason: String?) {
        switch end.side {
        case .outside: gate.end(self, reason: reason.map { "lost: \($0)" } ?? "it closed the link", by: .outside)
        case .local:
            gate.end(
                self, reason: "the local nodeos " + (reason.map { "was lost: \($0)" } ?? "closed the link"), by: .local)
        }
    }

    /// Closes both connections; false if that has been done. The side that is not at fault gets what is on its way to it.
    func shut(by cause: Cause) -> Bool {
        guard phase != .ended else { return false }
        phase = .ended
        cause == .outside ? outside?.close() : outside?.finish()
        cause == .local ? local?.close() : local?.finish()
        early = []
        waiting = []
        return true
    }
}
