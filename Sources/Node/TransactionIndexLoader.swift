// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import NIOCore
import ProducerHA
import Raft
import Transactions

extension TransactionService {
    /// Reads the transactions of the blocks that the log holds, from the head down, a few blocks at a time: the loop and the
    /// store have other things to do in between.
    func loadIndex() {
        // The last blocks of a region that was overtaken are not the chain's.
        guard node.replica.state.region.superseded == nil, let head = node.replica.state.head else { return loaded() }
        applied(head.bytes)
        load(through: node.replica.state.index, entries: 16, gaps: gapCount)
    }

    private static let bytesOfAPage = 1 << 20

    private func load(through last: LogIndex, entries: UInt64, gaps: UInt64) {
        let base = node.replica.raft.baseIndex
        guard last > base, gaps == gapCount, !isStopped else { return loaded() }
        let first = max(base + 1, last >= entries ? last - entries + 1 : 1)
        let promise = node.eventLoop.makePromise(of: [Entry].self)
        node.store.submit(
            .read(first, through: last, bytes: .max) { result in promise.completeWith(result.mapError { $0 }) })
        promise.futureResult.assumeIsolated().whenComplete { [weak self] result in
            guard let self else { return }
            guard gaps == gapCount else { return loaded() }
            switch result {
            case .success(let found):
                // Dropped from the log in the meantime.
                guard found.first?.index == first, found.last?.index == last else { return loaded() }
                for entry in found.reversed() {
                    guard take(entry) else { return loaded() }
                }
                let bytes = found.reduce(0) { $0 + $1.payload.count }
                load(through: first - 1, entries: bytes > Self.bytesOfAPage ? 1 : 16, gaps: gaps)
            case .failure(let error):
                node.logger.warning("the transactions of blocks up to entry \(last) cannot be read: \(error)")
                loaded()
            }
        }
    }

    /// False: nothing before it is wanted.
    private func take(_ entry: Entry) -> Bool {
        switch entry.kind {
        case .block:
            // One that was refused is in the log and not in the chain.
            guard let id = entry.blockID, node.replica.blocks.index(ofHeight: id.blockNumber) == entry.index
            else { return true }
            return prepend(entry.payload)
        default:
            guard let turn = entry.turn else { return true }
            if let base = turn.base { _ = prepend(base) }
            // What came before may be another chain.
            return turn.base == nil && turn.lostFrom == nil
        }
    }
}
