// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import ProducerHA
import Raft

// Who asks for what: producers with blocks, good and bad, and operators.

extension World {
    func nextClient() {
        let interval = plan.blockInterval.inNanoseconds
        agenda.add(.client, at: time + Int64.random(in: interval / 2...interval * 3 / 2, using: &random))
        let running = hosts.indices.filter { hosts[$0].replica != nil && !hosts[$0].isStopped }
        guard !running.isEmpty else { return }
        guard time >= quietUntil else { return }
        // Those who believe that they lead are asked; now and then somebody else is.
        for host in leading where running.contains(host) { proposeBlock(at: host) }
        if random.chance(1, in: 10) { proposeBlock(at: random.pick(running)) }
        let region = leading.last.flatMap { hosts[$0].replica?.state.region }
        let isOut = plan.region == nil && region.map { $0.activity != .active || $0.isPaused } ?? false
        guard isCalm && isOut || random.chance(1, in: isOut ? 4 : 15), isOut || time >= undisturbedUntil else { return }
        let host = leading.last.map { running.contains($0) ? $0 : random.pick(running) } ?? random.pick(running)
        if isCalm || isOut { return plan.region == nil ? changeRegion(host, toActive: true) : () }
        switch Int.random(in: 0..<10, using: &random) {
        case 0...3: operate(host, .transfer(to: PeerID(Int.random(in: 1...plan.peers, using: &random))))
        case 4: operate(random.pick(running), .requestLeadership)
        case 5: shutDown(host)
        case 6: changeMaintenance(host)
        default: if plan.region == nil { changeRegion(host) }
        }
    }

    func operate(_ host: Int, _ event: Event) {
        guard hosts[host].replica != nil, !hosts[host].isStopped else { return }
        if case .transfer = event { report.transfersStarted += 1 }
        trace.add(time, host) { "is told: \(event)" }
        let now = hosts[host].clock.reading(at: time)
        if let actions = hosts[host].replica?.step(event, at: now) { perform(actions, host) }
    }

    private func shutDown(_ host: Int) {
        trace.add(time, host) { "shuts down" }
        let now = hosts[host].clock.reading(at: time)
        if let actions = hosts[host].replica?.shutDown(at: now) { perform(actions, host) }
        agenda.add(.kill(host: host, life: hosts[host].life), at: time + random.milliseconds(1...1500))
        agenda.add(.start(host: host), at: time + random.milliseconds(1600...3000))
    }

    func changeRegion(_ host: Int, toActive: Bool = false) {
        guard let region = hosts[host].replica?.state.region, region.epoch > 0 else { return }
        var change = RegionChange(expects: region.epoch, epoch: region.epoch + 1, activity: .active, isPaused: false)
        if !toActive {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: change.activity = .standby
            case 1: change.isPaused = true
            // Refused: another epoch stands, or nothing would change.
            case 2:
                change.expects = region.epoch &- 1
                change.activity = .standby
            default: break
            }
        }
        trace.add(time, host) { "is asked for \(change)" }
        let now = hosts[host].clock.reading(at: time)
        hand(.region(change), to: host, at: now)
    }

    /// Puts a peer into maintenance, or ends that. One at least stays out of it.
    private func changeMaintenance(_ host: Int) {
        guard let state = hosts[host].replica?.state else { return }
        let peer = PeerID(Int.random(in: 1...plan.peers, using: &random))
        let isOn = !state.maintenance.keys.contains(peer) && state.maintenance.count < plan.peers - 1
        let act = OperatorAct(operation: "\(tickets)", who: "simulator", from: "here", reason: "", at: time)
        trace.add(time, host) { "is asked for maintenance of \(peer): \(isOn)" }
        hand(.record(.maintenance(peer, isOn: isOn, act)), to: host, at: hosts[host].clock.reading(at: time))
    }

    func hand(_ change: Change, to host: Int, at now: Instant) {
        tickets += 1
        if let actions = hosts[host].replica?.change(change, ticket: tickets, at: now) { perform(actions, host) }
    }

    func changed(_ ticket: Ticket, _ answer: ChangeAnswer, _ host: Int) {
        trace.add(time, host) { "answers \(ticket): \(answer)" }
        onChanged(ticket, answer)
        guard case .applied(let index, let term) = answer else { return }
        report.changesAnswered += 1
        checkers.answersChange(host, index: index, term: term, hosts: hosts)
    }

    /// A chain of so many blocks, each before the one below is committed.
    func proposeChain(of count: Int, at host: Int) {
        guard var head = hosts[host].replica?.state.head?.block else { return }
        for _ in 0..<count {
            slot += 1
            let builder = BlockBuilder(
                previous: head.id, timestamp: BlockTimestamp(slot: slot), producer: head.producer)
            guard let bytes = try? builder.build(), let header = try? BlockHeader(parsingPrefixOf: bytes) else {
                return
            }
            head = BlockRef(header)
            commit(bytes, at: host)
        }
    }

    /// Beside other regions slots are as old as they say, as far as may be.
    private func nextSlot(after head: BlockTimestamp?) {
        slot += 1
        guard plan.region != nil else { return }
        slot = max(slot, (head?.slot ?? 0) + 1, Self.firstSlot + UInt32(time / 500_000_000))
    }

    static let firstSlot: UInt32 = 1000

    /// In milliseconds since 1970.
    var timeOfDay: Int64 { BlockTimestamp(slot: Self.firstSlot).unixMilliseconds + time / 1_000_000 }

    func setWallClock(_ host: Int) {
        let reading = hosts[host].clock.reading(at: time).nanoseconds / 1_000_000
        hosts[host].replica?.setWallClock(aheadBy: timeOfDay - reading)
    }

    private func proposeBlock(at host: Int) {
        guard let replica = hosts[host].replica else { return }
        var builder: BlockBuilder
        let head = replica.state.head
        nextSlot(after: head?.block.slot)
        do {
            if let head, let latest = hosts[host].latestBlock, latest.number > head.block.number,
                random.chance(2, in: 3)
            {
                // On top of what is on its way still.
                builder = BlockBuilder(
                    previous: latest.id, timestamp: BlockTimestamp(slot: slot), producer: latest.producer)
            } else if let head {
                builder = BlockBuilder(
                    previous: head.block.id, timestamp: BlockTimestamp(slot: slot), producer: head.block.producer)
                switch Int.random(in: 0..<20, using: &random) {
                case 0: builder.previous = head.block.previous  // conflicts with the head
                case 1: return commit(head.bytes, at: host)  // the head again
                case 2:  // on another block of the head's height
                    var sibling = BlockBuilder(
                        previous: head.block.previous, timestamp: head.block.slot, producer: head.block.producer)
                    sibling.confirmed = 9
                    builder.previous = try BlockHeader(parsingPrefixOf: try sibling.build()).id
                case 3 where plan.producers == .several:  // other producers made the blocks between
                    for _ in 0..<Int.random(in: 1...3, using: &random) {
                        builder.previous = try BlockHeader(parsingPrefixOf: try builder.build()).id
                        slot += 1
                        builder.timestamp = BlockTimestamp(slot: slot)
                    }
                case 4 where plan.producers == .several:  // on an old slot
                    builder.timestamp = head.block.slot
                case 5:  // somewhere below, or on nothing
                    let old = checkers.applied[Int(random.next() % UInt64(checkers.applied.count))]
                    if old.kind == .block { return commit(old.payload, at: host) }
                default: break
                }
            } else {
                builder = try BlockBuilder(
                    startingAt: 100, timestamp: BlockTimestamp(slot: slot), producer: Name(rawValue: 1))
            }
            builder.confirmed = plan.region?.mark ?? 0
            let bytes = try builder.build()
            hosts[host].latestBlock = BlockRef(try BlockHeader(parsingPrefixOf: bytes))
            commit(bytes, at: host)
            // The same producer twice, before the first answer: the same block, or another one.
            if random.chance(1, in: 10) { commit(bytes, at: host) }
            if random.chance(1, in: 10) {
                builder.confirmed = 7
                commit(try builder.build(), at: host)
            }
        } catch {
            checkers.check(false, "the simulator itself", "a block cannot be built: \(error)")
        }
    }

    private func commit(_ bytes: [UInt8], at host: Int) {
        guard let header = try? BlockHeader(parsingPrefixOf: bytes) else { return }
        tickets += 1
        trace.add(time, host) { "is handed block \(header.number) \(header.id.hex.dropFirst(8).prefix(6))" }
        let now = hosts[host].clock.reading(at: time)
        if let actions = hosts[host].replica?.commitBlock(BlockRef(header), bytes: bytes, ticket: tickets, at: now) {
            perform(actions, host)
        }
    }

    func answered(_ ticket: Ticket, _ answer: CommitAnswer, _ host: Int) {
        trace.add(time, host) { "answers \(ticket): \(answer)" }
        switch answer {
        case .committed(let index, let term, let block):
            report.blocksAnswered += 1
            if isCalm, calmSince > 0, report.blocksAnswered == blocksAtCalm + 1 { recovered() }
            checkers.answers(host, block, index: index, term: term, hosts: hosts)
        case .refused(let refusal):
            report.refusals[refusal.name, default: 0] += 1
            hosts[host].latestBlock = nil
        case .compareWithEntry(let index, let block):
            report.refusals["compare_with_entry", default: 0] += 1
            let entry = hosts[host].disk.image.entry(at: index) ?? checkers.applied[Int(index) - 1]
            checkers.check(
                entry.blockNumber == block.number, "block index",
                "entry \(index) is said to hold block \(block.number), and holds \(entry.blockNumber ?? 0)")
        }
    }
}
