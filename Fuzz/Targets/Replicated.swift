// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft

@testable import ProducerHA

extension Target {
    /// Entries: of each a byte of its kind, two of its length, and its payload. All go through a group's state.
    static let entries = Target("entries", maxBytes: 16 << 10) { bytes in
        var input = Input(bytes)
        var state = GroupState()
        while !input.rest.isEmpty {
            let kind = EntryKind(rawValue: input.byte() % 6)
            let length = Int(input.byte()) << 8 | Int(input.byte())
            let entry = Entry(index: state.index + 1, term: 3, kind: kind, payload: input.take(length))
            checkPayload(entry)
            apply(entry, to: &state)
        }
        check(GroupState(state.snapshot()) == state, "the snapshot reads as another state")
    }

    /// A snapshot's state, of any version.
    static let snapshots = Target("snapshots", maxBytes: 8 << 10) { bytes in
        let snapshot = Snapshot(index: 9, term: 3, state: bytes)
        guard let state = GroupState(snapshot) else { return }
        let written = state.snapshot().state
        // Earlier versions say less.
        if bytes[0] == written[0] { check(written == bytes, "written otherwise: \(written)") }
        check(state.refused.count <= GroupState.refusedKept, "\(state.refused.count) refused entries")
        check(GroupState(Snapshot(index: 9, term: 3, state: bytes + [0])) == nil, "more bytes are taken")
    }
}

private func checkPayload(_ entry: Entry) {
    if let change = RegionChange(encoded: entry.payload) {
        check(change.encoded() == entry.payload, "\(change) is written otherwise")
    }
    if let settings = GroupSettings(encoded: entry.payload) {
        check(settings.encoded() == entry.payload, "\(settings) is written otherwise")
    }
    if let record = Record(encoded: entry.payload) {
        check(record.encoded() == entry.payload, "\(record) is written otherwise")
    }
    if entry.kind == .block, let header = try? BlockHeader(parsingPrefixOf: entry.payload) {
        check(entry.blockHeight == header.number, "height \(String(describing: entry.blockHeight)) of \(header.number)")
    }
}

private func apply(_ entry: Entry, to state: inout GroupState) {
    let before = state
    let applied = state.apply(entry)
    check(state.index == entry.index && state.term == entry.term, "at \(state.index), not \(entry.index)")
    check(state.refused.count <= GroupState.refusedKept, "\(state.refused.count) refused entries")
    switch applied {
    case .refused:
        check(state.refused.last == entry.index, "\(entry.index) is not among the refused")
        check(state.head == before.head && state.region == before.region, "a refused entry changed something")
        check(state.groupID == before.groupID, "a refused entry changed the group")
        check(state.producers == before.producers, "a refused entry changed the producers")
        check(state.maintenance == before.maintenance, "a refused entry changed the maintenance")
        check(state.history == before.history, "a refused entry is in the history")
    case .accepted:
        check(state.refused == before.refused, "an accepted entry is among the refused")
        check(state.region.epoch >= before.region.epoch, "the epoch fell to \(state.region.epoch)")
        switch entry.kind {
        case .block:
            check((before.head?.block.number ?? 0) < state.head?.block.number ?? 0, "the head fell")
            check(state.head?.bytes == entry.payload, "the head has other bytes")
        case .region: check(state.region.epoch > before.region.epoch, "a change without a new epoch")
        case .operation:
            let (now, then) = (state.region, before.region)
            check(state.head == before.head && now.inherited == then.inherited, "a record changed blocks")
            check((now.epoch, now.activatedEpoch) == (then.epoch, then.activatedEpoch), "a record changed an epoch")
            check(now.activity == then.activity && now.isPaused == then.isPaused, "a record changed the activity")
            check(now.superseded == then.superseded || now.activity != .active, "an active region is left behind")
        default: check(state.head == before.head && state.region == before.region, "\(entry.kind) changed something")
        }
    }
}
