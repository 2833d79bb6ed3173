// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

// What the network does with messages and connections.

extension World {
    func send(_ message: Message, from: Int, to: Int) {
        // A process writes to the connection that it knows.
        guard let connection = network[to, from].established else { return }
        if network[from, to].cuts > 0 {
            if plan.network.kind == .streams, network[from, to].heldUp.count < 5000 {
                network[from, to].heldUp.append((connection, message))
            }
            return
        }
        carry(message, connection, from: from, to: to)
    }

    func carry(_ message: Message, _ connection: Int, from: Int, to: Int) {
        let delay = Int64.random(in: plan.network.delay, using: &random) + network[from, to].slowness
        switch plan.network.kind {
        case .streams:
            let arrival = max(time + delay, network[from, to].lastArrival + 1)
            network[from, to].lastArrival = arrival
            agenda.add(.arrive(from: from, to: to, connection: connection, message), at: arrival)
        case .datagrams:
            if !isCalm, random.chance(plan.network.lossPerMille, in: 1000) { return }
            agenda.add(.arrive(from: from, to: to, connection: connection, message), at: time + delay)
            if random.chance(plan.network.doublesPerMille, in: 1000) {
                let again = time + delay + random.milliseconds(0...200)
                agenda.add(.arrive(from: from, to: to, connection: connection, message), at: again)
            }
        }
    }

    /// Two processes meet: each says what it is at this moment, and hears the other some time later.
    func connect(_ a: Int, _ b: Int) {
        guard let one = hosts[a].replica, let other = hosts[b].replica, !hosts[a].isStopped, !hosts[b].isStopped,
            !network.isCut(a, b), mayMeet(a, b), mayMeet(b, a)
        else { return }
        if let there = network[a, b].established, there == network[b, a].established { return }
        let connection = network.newConnection()
        for (from, to, replica) in [(a, b, one), (b, a, other)] {
            let delay = Int64.random(in: plan.network.delay, using: &random)
            let arrival = max(time + delay, network[from, to].lastArrival + 1)
            network[from, to].lastArrival = arrival
            let greeting = Greeting(
                fresh: replica.raft.isFresh, hasGroup: replica.state.groupID != nil,
                remembers: replica.raft.watermark(of: PeerID(to + 1)))
            agenda.add(.greeting(from: from, to: to, connection: connection, greeting), at: arrival)
        }
    }

    /// A peer with an old copy of its disk meets one that knows better, before all others.
    private func mayMeet(_ host: Int, _ other: Int) -> Bool {
        guard let witness = hosts[host].witness else { return true }
        return witness.host == other && hosts[other].life == witness.life
    }

    func greet(_ from: Int, _ to: Int, _ connection: Int, _ greeting: Greeting) {
        guard hosts[to].replica != nil, (network[from, to].established ?? 0) < connection else { return }
        if network[from, to].established != nil { reach(to, .linkDown(PeerID(from + 1))) }
        trace.add(time, to) {
            "has a link to \(from + 1)\(greeting.fresh ? ", fresh" : "")\(greeting.hasGroup ? "" : ", without a group")"
        }
        network[from, to].established = connection
        reach(
            to,
            .linkUp(
                PeerID(from + 1), fresh: greeting.fresh, hasGroup: greeting.hasGroup, remembers: greeting.remembers))
    }

    func disconnected(_ host: Int, _ from: Int, _ connection: Int) {
        guard network[from, host].established == connection else { return }
        trace.add(time, host) { "has no link to \(from + 1) any more" }
        network[from, host].established = nil
        network[host, from].heldUp = []
        reach(host, .linkDown(PeerID(from + 1)))
        agenda.add(.connect(host, from), at: time + random.milliseconds(10...300))
    }

    /// Cuts a connection; each side notices in its own time.
    func disconnect(_ a: Int, _ b: Int, within: ClosedRange<Int64>) {
        for (from, to) in [(a, b), (b, a)] {
            if let connection = network[from, to].established {
                agenda.add(
                    .disconnected(host: to, from: from, connection: connection), at: time + random.milliseconds(within))
            }
        }
    }

    func flushHeldUp(_ from: Int, _ to: Int) {
        let heldUp = network[from, to].heldUp
        network[from, to].heldUp = []
        for (connection, message) in heldUp { carry(message, connection, from: from, to: to) }
    }
}
