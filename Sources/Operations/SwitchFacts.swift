// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Failover

// What peers say, as the engine of a switch takes it.

extension Block {
    init(_ block: CommittedBlock) { self.init(number: block.number, id: block.id, timeMS: block.time) }
    init(_ block: BlockReference) { self.init(number: block.blockNum, id: block.blockID) }
}

extension RegionFacts {
    /// Nil: in a state that this version does not know.
    init?(_ status: StatusDocument) {
        let production = status.production
        guard let standing = production.state.flatMap({ Standing(rawValue: $0.rawValue) }) else { return nil }
        self.init(
            name: status.peer.region, epoch: production.epoch, standing: standing, isPaused: production.paused,
            activatedEpoch: production.activatedEpoch ?? 0,
            head: production.head.map { Block(number: $0.blockNum, id: $0.blockID) },
            openSwitch: production.switch.flatMap { Papers($0) }, obstacle: production.reason?.rawValue)
    }
}

extension Chain {
    /// - Parameters:
    ///   - last: the old region's last block, once it has stopped.
    ///   - head: its head while it produces.
    init(_ look: RegionGroup.Look, needed: Int, last: Block?, head: Block?) {
        let statuses = look.statuses
        let chains = statuses.compactMap(\.nodeos)
        guard !chains.isEmpty else {
            self = .none
            return
        }
        let heads = chains.filter { $0.reachable && $0.condition != "wrong_chain" && $0.condition != "diverged" }
            .compactMap(\.head)
        guard statuses.count >= needed, heads.count >= needed, needed > 0 else {
            self = .unknown
            return
        }
        let numbers = heads.map(\.blockNum).sorted(by: >)
        let goal = last?.number ?? head?.number ?? 0
        let behind = goal > numbers[needed - 1] ? goal - numbers[needed - 1] : 0
        // One that is further has blocks of other producers on top; whether it has this one as well, the daemon asks it before
        // the activation.
        let holders = last.map { last in
            heads.count { $0.blockNum > last.number || $0.blockNum == last.number && $0.blockID == last.id }
        }
        self = .nodeos(behind: behind, holders: holders ?? 0, of: last, needed: needed)
    }

    /// Whether more peers would have to answer before as many hold `block` as must.
    static func lacksHolders(of block: Block, _ look: RegionGroup.Look, needed: Int) -> Bool {
        switch Chain(look, needed: needed, last: block, head: nil) {
        case .none: false
        case .unknown: true
        case .nodeos(_, let holders, _, let needed): holders < needed
        }
    }
}

extension Papers {
    /// Nil: of a kind that this version does not know.
    init?(_ document: SwitchDocument) {
        guard let kind = Kind(rawValue: document.kind.rawValue) else { return nil }
        self.init(
            id: document.id, kind: kind, from: document.from, to: document.to, fromExpects: document.fromExpects,
            toExpects: document.toExpects)
    }
}
