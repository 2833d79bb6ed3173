// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft

@testable import Gate

/// A nodeos, a group and a signature gate on virtual time, around a `NodeosControl`. nodeos behaves as measured: it drops
/// what it is given while it produces or finishes a block, says yes to every push, asks for one more signature after a
/// pause, and leaves an own head only for a longer chain. Calls are delayed, lost, or carried out late.
struct NodeosSimulation {
    struct Block: Hashable {
        var id: BlockID
        var previous: BlockID
    }

    struct Call {
        var id: UInt64
        var request: NodeosRequest
        var sentAt: Instant
    }

    enum Happening {
        case arrives(Call)
        case ends(Call, NodeosAnswer?)
        case timesOut(Call)
        case loaded(UInt32)
        case slot
        case lastRequest
        case commitsOwn(Block)
        case groupMoves
        case fault
        case wakes
        case starts
        case wake
    }

    var numbers: SeededNumbers
    var now = Instant(nanoseconds: 0)
    var agenda: [(at: Instant, order: UInt64, what: Happening)] = []
    var order: UInt64 = 0
    var control: NodeosControl
    var faultsUntil: Instant

    // nodeos.
    var chain: [Block]
    var known: [BlockID: Block] = [:]
    var isPaused = true
    var requestsLeft = 0
    var dropsUntil = Instant(nanoseconds: 0)
    var isHung = false
    var isDown = false
    var inbox: [Call] = []
    /// The last time it was brought to produce by what the control cannot know.
    var resumedUnseen = Instant(nanoseconds: -10_000_000_000)
    var resumeWanted: Set<UInt64> = []

    // The group.
    var committed: [Block]
    var orders = NodeosOrders()
    var outstanding: Block?
    var open: [UInt64: NodeosRequest] = [:]

    // What is judged.
    var failures: [String] = []
    var callTimes: [Instant] = []
    var wakes = 0
    var counts: [String: Int] = [:]
    var trace: [String] = []

    init(seed: UInt64, faultsUntil: Duration) {
        numbers = SeededNumbers(seed: seed)
        let first = Block(id: BlockID(number: 1, digest: .zero), previous: .zero)
        (chain, committed) = ([first], [first])
        known[first.id] = first
        self.faultsUntil = Instant(nanoseconds: 0) + faultsUntil
        control = NodeosControl(at: now)
        for _ in 0..<Int.random(in: 0...20, using: &numbers) {
            committed.append(child(of: committed[committed.count - 1]))
        }
        orders.committed = .init(
            id: committed[committed.count - 1].id, previous: committed[committed.count - 1].previous)
        at(.zero, .groupMoves)
        at(.milliseconds(100), .slot)
        at(.milliseconds(500), .fault)
    }

    mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &numbers) < share }
    mutating func wait(_ from: Int, _ to: Int) -> Duration { .milliseconds(Int.random(in: from...to, using: &numbers)) }
    var isFaulty: Bool { now < faultsUntil }
    var mayMakeBlocks: Bool { !isDown && (!isPaused || requestsLeft > 0 || now < dropsUntil) }

    mutating func note(_ text: String) {
        trace.append("\(now.nanoseconds / 1_000_000) \(text)")
        if trace.count > 400 { trace.removeFirst(200) }
    }

    mutating func at(_ delay: Duration, _ what: Happening) {
        order += 1
        agenda.append((now + delay, order, what))
    }

    mutating func child(of block: Block) -> Block {
        let word = numbers.next()
        let digest = Checksum256(
            Array(repeating: UInt8(0), count: 24) + (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) })
        return Block(id: BlockID(number: block.id.blockNumber + 1, digest: digest ?? .zero), previous: block.id)
    }

    mutating func run(for length: Duration) {
        let end = now + length
        feedControl(.orders(orders))
        while let next = agenda.indices.min(by: {
            (agenda[$0].at, agenda[$0].order) < (agenda[$1].at, agenda[$1].order)
        }),
            agenda[next].at <= end, failures.isEmpty
        {
            let item = agenda.remove(at: next)
            now = max(now, item.at)
            happen(item.what)
        }
        now = end
    }

    mutating func feedControl(_ event: NodeosControl.Event) {
        for action in control.step(event, at: now) { carryOut(action) }
        agenda.removeAll { if case .wake = $0.what { true } else { false } }
        if control.nextWake <= now, case .tick = event { failures.append("wants to be woken at once, again") }
        at(max(control.nextWake - now, .zero), .wake)
    }

    mutating func happen(_ what: Happening) {
        switch what {
        case .wake:
            wakes += 1
            feedControl(.tick)
        case .arrives(let call): arrive(call)
        case .ends(let call, let answer):
            guard open.removeValue(forKey: call.id) != nil else { return }
            if let answer {
                feedControl(.answered(call.id, answer, wallClock: BlockTimestamp(slot: 100).unixMilliseconds))
            } else {
                feedControl(.failed(call.id, isDown ? .unreachable("refused") : .noAnswer("closed")))
            }
        case .timesOut(let call):
            guard open.removeValue(forKey: call.id) != nil else { return }
            feedControl(.failed(call.id, .noAnswer("late")))
        case .loaded(let height):
            let block = committed.first { $0.id.blockNumber == height }
            feedControl(.loaded(height, block.map { FeedBlock(id: $0.id, previous: $0.previous) }))
        case .slot:
            if !isDown, !isHung, !isPaused { askForSignature() }
            at(outstanding == nil ? wait(100, 500) : wait(10, 50), .slot)
        case .lastRequest:
            guard !isDown, requestsLeft > 0 else { return }
            if isHung { return at(.milliseconds(20), .lastRequest) }
            requestsLeft -= 1
            dropsUntil = now + wait(20, 29)
            askForSignature()
        case .commitsOwn(let block): commitOwn(block)
        case .groupMoves: moveGroup()
        case .fault: fault()
        case .wakes:
            note("goes on")
            isHung = false
            let calls = inbox
            inbox = []
            for call in calls.shuffled(using: &numbers) {
                carryOut(call, isLate: now - call.sentAt > .milliseconds(29))
            }
        case .starts:
            note("starts")
            isDown = false
            isPaused = chance(0.7)
            if !isPaused { resumedUnseen = now }
            requestsLeft = 0
            feedControl(.signing(.newConnection))
        }
    }
}

extension NodeosSimulation {
    // MARK: - What the control asks for

    private mutating func carryOut(_ action: NodeosControl.Action) {
        switch action {
        case .call(let id, let request):
            judge(request)
            callTimes.append(now)
            if callTimes.count > 2000 { callTimes.removeFirst(1000) }
            open[id] = request
            counts[request.kind, default: 0] += 1
            let call = Call(id: id, request: request, sentAt: now)
            at(request.timeout, .timesOut(call))
            if isDown { return at(.milliseconds(1), .ends(call, nil)) }
            at(.microseconds(Int.random(in: 200...2000, using: &numbers)), .arrives(call))
        case .load(let height): at(.microseconds(500), .loaded(height))
        case .confirmed: break
        case .propose(let block):
            counts["propose", default: 0] += 1
            if block.previous == committed.last?.id, orders.mayProduce {
                at(wait(1, 30), .commitsOwn(Block(id: block.id, previous: block.previous)))
            }
        case .statusChanged: break
        }
    }

    private mutating func judge(_ request: NodeosRequest) {
        note(request.name)
        switch request {
        case .resume:
            if !orders.mayProduce { failures.append("resumes without the right to") }
            if control.status.head?.id != committed.last?.id {
                failures.append("resumes on another head than the group's")
            }
            if !mayMakeBlocks, !isDown, chain.last?.id != committed.last?.id {
                failures.append("resumes a paused nodeos whose head is not the group's")
            }
        case .push:
            if !control.isKnownPaused { failures.append("pushes without knowing nodeos paused") }
            if open.values.contains(where: { $0.kind == "push" }) { failures.append("two pushes at once") }
        case .info: break
        case .pause, .isPaused, .blockID, .rawBlock: break
        }
        if request.kind != "info", open.values.contains(where: { $0.kind != "info" }) {
            failures.append("\(request.name) beside another call")
        }
    }

    // MARK: - nodeos

    private mutating func arrive(_ call: Call) {
        if isDown { return at(.zero, .ends(call, nil)) }
        if isHung {
            inbox.append(call)
            return
        }
        if isFaulty, chance(0.01) {
            // Delayed beyond its deadline, and carried out then.
            note("hangs with \(call.request.name)")
            isHung = true
            inbox.append(call)
            return at(wait(500, 2500), .wakes)
        }
        carryOut(call, isLate: false)
    }

    private mutating func carryOut(_ call: Call, isLate: Bool) {
        let answer = answer(call.request, isLate: isLate || open[call.id] == nil)
        let isLost = isFaulty && chance(0.02)
        at(isLost ? .milliseconds(1) : .microseconds(300), .ends(call, isLost ? nil : answer))
    }

    private mutating func answer(_ request: NodeosRequest, isLate: Bool) -> NodeosAnswer {
        let head = chain[chain.count - 1]
        switch request {
        case .info:
            let irreversible = chain[max(chain.count - 2, 0)]
            return .info(
                NodeosInfo(
                    chainID: .zero, head: BlockPosition(head.id), headTime: BlockTimestamp(slot: 100),
                    irreversible: BlockPosition(irreversible.id)))
        case .isPaused: return .isPaused(isPaused)
        case .pause:
            note("carries out pause\(isLate ? ", late" : "")")
            if !isPaused {
                requestsLeft = isLate ? 2 : 1
                at(wait(3, 444), .lastRequest)
                if isLate { at(wait(3, 444), .lastRequest) }
            }
            isPaused = true
        case .resume:
            note("carries out resume\(isLate ? ", late" : "")")
            if isPaused, isLate { resumedUnseen = now }
            isPaused = false
        case .push(let block):
            if mayMakeBlocks {
                counts["dropped", default: 0] += 1
                if !isLate, now - resumedUnseen > .milliseconds(1500) {
                    failures.append("pushed to a nodeos that may produce")
                }
            } else {
                accept(Block(id: block.id, previous: block.previous))
            }
        case .blockID(let number): return .blockID(chain.first { $0.id.blockNumber == number }?.id)
        case .rawBlock(let id):
            return .rawBlock(FeedBlock(id: id, previous: known[id]?.previous ?? .zero))
        }
        return .done
    }

    /// The fork database: an unlinkable block is dropped, a longer chain than the own is taken.
    private mutating func accept(_ block: Block) {
        guard known[block.previous] != nil else { return }
        known[block.id] = block
        guard block.id.blockNumber > chain[chain.count - 1].id.blockNumber else { return }
        var branch = [block]
        while let parent = branch.last.flatMap({ known[$0.previous] }), !chain.contains(parent) {
            branch.append(parent)
        }
        guard let last = branch.last, let root = chain.firstIndex(where: { $0.id == last.previous }),
            root >= chain.count - 2
        else { return failures.append("the group's chain left nodeos's irreversible block") }
        if root < chain.count - 1 { counts["switched", default: 0] += 1 }
        chain = chain[...root] + branch.reversed()
    }

    /// The permit, in short: nodeos's head is the group's, and nothing signed is under way.
    private mutating func askForSignature() {
        note("asks for a signature")
        let head = chain[chain.count - 1]
        if let outstanding, committed.contains(outstanding) || head.id == committed.last?.id { self.outstanding = nil }
        guard orders.mayProduce, head.id == committed.last?.id, outstanding == nil else {
            return feedControl(.signing(.refused))
        }
        let block = child(of: head)
        (outstanding, known[block.id]) = (block, block)
        chain.append(block)
        counts["made", default: 0] += 1
        // Some get lost on their way to the group.
        if !isFaulty || chance(0.9) { at(wait(1, 40), .commitsOwn(block)) }
        feedControl(.signing(.signed))
    }

    // MARK: - The group

    /// What is made on a lease that is over is not committed.
    private mutating func commitOwn(_ block: Block) {
        guard orders.mayProduce, block.previous == committed.last?.id else { return }
        commit(block)
    }

    private mutating func commit(_ block: Block) {
        committed.append(block)
        orders.committed = .init(id: block.id, previous: block.previous)
        feedControl(.orders(orders))
    }

    /// The lease comes and goes, and others produce without it.
    private mutating func moveGroup() {
        // A leader whose nodeos is not well leaves leadership to another. Only a child brings up a block that was committed
        // beside nodeos's own, and a leader in this state makes none.
        if isFaulty && chance(0.06) || orders.mayProduce && !control.isWell(at: now) {
            counts["handed over", default: 0] += control.isWell(at: now) ? 0 : 1
            orders.mayProduce.toggle()
            feedControl(.orders(orders))
        }
        if !orders.mayProduce {
            // Not without knowing what this peer's last lease may have committed: that is what the lease is for.
            commit(child(of: committed[committed.count - 1]))
        }
        at(wait(200, 500), .groupMoves)
    }

    private mutating func fault() {
        guard isFaulty else { return }
        switch Int.random(in: 0..<8, using: &numbers) {
        case 0 where !isHung && !isDown:
            note("hangs")
            isHung = true
            at(wait(50, 4000), .wakes)
        case 2 where !isDown:
            note("dies")
            isDown = true
            isHung = false
            inbox = []
            for (id, request) in open.sorted(by: { $0.key < $1.key }) {
                at(.milliseconds(1), .ends(Call(id: id, request: request, sentAt: now), nil))
            }
            at(wait(50, 3000), .starts)
        case 4 where isPaused && !isDown && !isHung:
            // An operator.
            note("an operator resumes")
            (isPaused, resumedUnseen) = (false, now)
        case 5 where !isPaused && !isDown && !isHung:
            isPaused = true
            requestsLeft = 1
            at(wait(3, 444), .lastRequest)
        default: break
        }
        at(wait(200, 3000), .fault)
    }
}

extension NodeosRequest {
    var kind: String {
        switch self {
        case .info: "info"
        case .isPaused: "paused"
        case .pause: "pause"
        case .resume: "resume"
        case .push: "push"
        case .blockID: "id"
        case .rawBlock: "raw"
        }
    }
}
