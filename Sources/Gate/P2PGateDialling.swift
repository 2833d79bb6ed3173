// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore
import NIOPosix

/// One of `nodeos.p2p.peers`, and what is being done about it.
final class P2PGatePeer {
    enum State {
        case idle
        case dialling
        /// Dialled again when the timer fires.
        case pausing(Scheduled<Void>)
        /// Dialled again as soon as the local nodeos takes connections.
        case waitingForNodeos
        case linked(P2PLink)
    }

    let address: P2PAddress
    var state = State.idle
    var pause: Duration
    var failures = 0
    var lastFailure: String?

    init(_ address: P2PAddress, pause: Duration) {
        self.address = address
        self.pause = pause
    }

    var status: P2PPeerStatus {
        let isLinked = if case .linked(let link) = state { link.isUp } else { false }
        return P2PPeerStatus(address: address, isLinked: isLinked, failures: failures, lastFailure: lastFailure)
    }
}

/// What is known about the way to the local nodeos.
struct P2PNodeosState {
    var isReachable: Bool?
    /// Links that wait for it.
    var waiting: [P2PLink] = []
    var probe: Scheduled<Void>?
    var probePause: Duration = .zero
}

extension P2PGate {
    // MARK: - Peers

    /// Dials every peer about which nothing is being done.
    func dialPeers() {
        guard isRunning, settings.node != nil, owner?.chainID != nil else { return }
        for peer in peers {
            guard case .idle = peer.state else { continue }
            if nodeos.isReachable == false { peer.state = .waitingForNodeos } else { dial(peer) }
        }
    }

    private func dial(_ peer: P2PGatePeer) {
        peer.state = .dialling
        connect(to: peer.address, side: .outside) { result in
            switch result {
            case .success(let end):
                let link = self.add(.dialedOut, peer.address, end)
                peer.state = .linked(link)
                self.joinLocal(link)
            case .failure(let error): self.redial(peer, reason: "cannot be dialled: \(error)")
            }
        }
    }

    func peerIsUp(_ link: P2PLink) {
        for peer in peers {
            if case .linked(let linked) = peer.state, linked === link { peer.lastFailure = nil }
        }
    }

    func peerIsLost(_ link: P2PLink, reason: String) {
        nodeos.waiting.removeAll { $0 === link }
        guard isRunning else { return }
        for peer in peers {
            guard case .linked(let linked) = peer.state, linked === link else { continue }
            if let upSince = link.upSince, NIODeadline.now() - upSince >= TimeAmount(settings.limits.settledAfter) {
                peer.pause = settings.limits.redialPause.lowerBound
                peer.failures = 0
            }
            if link.isDuplicate {
                // Not a failure: the other side has dialled.
                peer.failures = 0
                wait(peer, settings.limits.duplicatePause)
            } else {
                redial(peer, reason: reason)
            }
        }
    }

    /// Dials again after a pause, which is a little random: two gates that were turned away by each other must not meet
    /// again and again.
    private func redial(_ peer: P2PGatePeer, reason: String) {
        guard isRunning else { return }
        peer.failures += 1
        peer.lastFailure = reason
        complain(kind: peer.address.description, "p2p: no link to peer \(peer.address): \(reason)")
        guard settings.node != nil else {
            peer.state = .idle
            return
        }
        let pause = peer.pause * Double.random(in: 0.75...1)
        peer.pause = min(peer.pause * 2, settings.limits.redialPause.upperBound)
        wait(peer, pause)
    }

    private func wait(_ peer: P2PGatePeer, _ pause: Duration) {
        peer.state = .pausing(
            eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(pause)) {
                peer.state = .idle
                self.dialPeers()
            })
    }

    func stopDialling() {
        for peer in peers {
            if case .pausing(let timer) = peer.state { timer.cancel() }
            peer.state = .idle
        }
        nodeos.probe?.cancel()
        nodeos.waiting = []
    }

    // MARK: - The local nodeos

    /// nodeos dialled its gate: it gets the first peer without a link.
    func acceptNodeos(_ end: P2PLinkEnd) {
        guard isRunning, end.isOpen else { return end.close() }
        let free = peers.first {
            switch $0.state {
            case .idle, .pausing, .waitingForNodeos: true
            case .dialling, .linked: false
            }
        }
        guard let peer = free else {
            complain(
                kind: "local", "p2p: nodeos dialled its gate, and every one of nodeos.p2p.peers has a link already")
            return end.close()
        }
        if case .pausing(let timer) = peer.state { timer.cancel() }
        let link = add(.dialedByNodeos, peer.address, end)
        peer.state = .linked(link)
        joinOutside(link, peer)
    }

    private func joinOutside(_ link: P2PLink, _ peer: P2PGatePeer) {
        connect(to: peer.address, side: .outside) { result in
            switch (result, link.phase) {
            case (.success(let end), .joining): link.join(end, opening: nil)
            case (.success(let end), _): end.close()
            case (.failure, .joining):
                // nodeos waits with us, up to `joinTimeout`: it would dial again only after 30 s.
                let pause = TimeAmount(self.settings.limits.probePause.upperBound)
                self.eventLoop.assumeIsolated().scheduleTask(in: pause) {
                    if case .joining = link.phase, self.isRunning { self.joinOutside(link, peer) }
                }
            case (.failure, _): break
            }
        }
    }

    /// Dials the local nodeos for a link, at once or as soon as it is there.
    func joinLocal(_ link: P2PLink) {
        guard let node = settings.node else { return end(link, reason: "nodeos.p2p.node is not given", by: .gate) }
        guard nodeos.isReachable != false else { return nodeos.waiting.append(link) }
        connect(to: node, side: .local) { result in
            switch (result, link.phase) {
            case (.success(let end), .joining):
                self.nodeos.isReachable = true
                self.join(link, end)
            case (.success(let end), _): end.close()
            case (.failure(let error), let phase):
                self.nodeosIsGone("\(error)")
                guard case .joining = phase else { return }
                switch link.direction {
                case .dialedIn: self.nodeos.waiting.append(link)
                case .dialedOut, .dialedByNodeos: self.wait(link)
                }
            }
        }
    }

    /// A peer is not kept waiting, but dialled again when nodeos is there.
    private func wait(_ link: P2PLink) {
        for peer in peers {
            if case .linked(let linked) = peer.state, linked === link {
                peer.state = .waitingForNodeos
                peer.lastFailure = "the local nodeos cannot be reached"
            }
        }
        end(link, reason: "the local nodeos cannot be reached", by: .local)
    }

    private func join(_ link: P2PLink, _ local: P2PLinkEnd) {
        guard link.direction == .dialedOut else { return link.join(local, opening: nil) }
        guard let chainID = owner?.chainID else {
            local.close()
            return end(link, reason: "the chain's id is not known", by: .gate)
        }
        let nodeID = (0..<32).map { _ in UInt8.random(in: .min ... .max) }
        link.join(
            local,
            opening: P2PSessionOpening.handshake(chainID: chainID, nodeID: nodeID, unixMilliseconds: wallClock()))
    }

    private func nodeosIsGone(_ reason: String) {
        guard isRunning, nodeos.isReachable != false, let node = settings.node else { return }
        nodeos.isReachable = false
        complain(kind: "node", "p2p: the local nodeos at \(node) cannot be reached: \(reason)")
        nodeos.probePause = settings.limits.probePause.lowerBound
        probe(node)
    }

    /// Dials until nodeos takes a connection; then all who wait go on.
    private func probe(_ node: P2PAddress) {
        nodeos.probe = eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(nodeos.probePause)) {
            self.nodeos.probePause = min(self.nodeos.probePause * 2, self.settings.limits.probePause.upperBound)
            self.connect(to: node, side: .local) { result in
                switch result {
                case .failure: self.probe(node)
                case .success(let end):
                    end.close()
                    self.nodeosIsBack()
                }
            }
        }
    }

    private func nodeosIsBack() {
        nodeos.isReachable = true
        logger.info("p2p: the local nodeos takes connections again")
        let waiting = nodeos.waiting
        nodeos.waiting = []
        for link in waiting { joinLocal(link) }
        for peer in peers {
            if case .waitingForNodeos = peer.state { peer.state = .idle }
        }
        dialPeers()
    }

    // MARK: - Connections

    /// `done` is called later, on the loop, unless the gate has stopped.
    private func connect(
        to address: P2PAddress, side: P2PLinkEnd.Side, _ done: @escaping (Result<P2PLinkEnd, any Error>) -> Void
    ) {
        let gate = NIOLoopBound(self, eventLoop: eventLoop)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(settings.limits.connectTimeout))
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.writeBufferWaterMark, value: Self.waterMark(settings.limits))
            .channelInitializer { channel in
                // A name may have several addresses, and each is tried with a channel of its own.
                channel.eventLoop.makeCompletedFuture {
                    guard gate.value.isRunning else { throw P2PGateError.stopped }
                    try channel.pipeline.syncOperations.addHandler(P2PLinkEnd(side: side, gate: gate.value))
                }
            }
        // An address needs no look-up, and so no thread.
        let channel =
            if let numeric = try? SocketAddress(ipAddress: address.host, port: address.port) {
                bootstrap.connect(to: numeric)
            } else {
                bootstrap.connect(host: address.host, port: address.port)
            }
        channel.assumeIsolated().whenComplete { result in
            let end = result.flatMap { channel in
                Result { try channel.pipeline.syncOperations.handler(type: P2PLinkEnd.self) }
            }
            if self.isRunning { done(end) } else { try? end.get().close() }
        }
    }
}
