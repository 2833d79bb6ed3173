// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

/// A promise of the group that was seen broken.
struct Violation: Error, CustomStringConvertible {
    let description: String
}

/// Every block that any peer said was committed. Two blocks of one height are a violation at once.
final class Ledger: Sendable {
    private let blocks = Guarded<[Int: String]>([:])

    var acknowledged: [Int: String] { blocks.withLock { $0 } }
    var count: Int { blocks.withLock { $0.count } }

    func acknowledge(_ block: Block, _ response: Response) throws {
        guard response.json?["block_num"]?.int == block.number, response.json?["block_id"]?.string == block.id,
            response.json?["index"]?.int != nil, response.json?["term"]?.int != nil
        else { throw Violation(description: "asked to commit \(block.number) \(block.id), answered \(response)") }
        let other = blocks.withLock { blocks in
            let other = blocks[block.number]
            blocks[block.number] = other ?? block.id
            return other
        }
        if let other, other != block.id {
            throw Violation(description: "height \(block.number) acknowledged twice: \(other) and \(block.id)")
        }
    }

    /// For a test that begins anew with other data.
    func forget() {
        blocks.withLock { $0 = [:] }
    }
}

/// An entry of `/v1/prodha/log`.
struct LogEntry: Hashable, Sendable {
    let index: Int
    let term: Int
    let kind: String
    /// Number and id of a block that was applied; nil for other kinds, and for a block that was refused.
    let block: [Int: String]?

    init(_ json: JSON) throws {
        index = try #require(json["index"]?.int, "\(json)")
        term = try #require(json["term"]?.int, "\(json)")
        kind = try #require(json["kind"]?.string, "\(json)")
        try #require(json["size"]?.int != nil, "\(json)")
        guard kind == "block" else {
            block = nil
            return
        }
        let number = try #require(json["block.num"]?.int ?? json["num"]?.int, "\(json)")
        let id = try #require(json["block.id"]?.string ?? json["id"]?.string, "\(json)")
        let refused =
            switch json["refused"] {
            case nil, .null?, .bool(false)?: false
            default: true
            }
        block = refused ? nil : [number: id]
    }
}

extension Peer {
    /// The committed entries that this peer still has, page by page.
    /// - Parameter start: those before are left out.
    func committedEntries(pageSize: Int = 500, from start: Int = 1) async throws -> [LogEntry] {
        let status = try await status()
        let last = try #require(status["raft.commit_index"]?.int)
        var entries: [LogEntry] = []
        while true {
            let from = entries.last.map { $0.index + 1 } ?? start
            let document = try await get("/v1/prodha/log?from=\(from)&to=\(last)&limit=\(pageSize)").document()
            let page = try #require(document["entries"]?.array, "\(document)").map(LogEntry.init)
            if page.isEmpty {
                // All of it, unless the snapshot has taken its place.
                try #require(
                    entries.last?.index == last || start > last || status["raft.snapshot_index"]?.int == last,
                    "\(status)")
                return entries
            }
            try #require(page.count <= pageSize)
            entries += page
        }
    }
}

extension Cluster {
    /// Compares what all running peers have. Nothing is checked when none runs.
    func checkHistories() async throws {
        let running = running
        guard !running.isEmpty else { return }
        if running.count >= quorum { try await holdWhatWasAcknowledged() }
        var entryAt: [Int: (LogEntry, Int)] = [:]
        var blockAt: [Int: (String, Int)] = [:]
        for peer in running {
            let entries = try await peer.committedEntries()
            for (entry, next) in zip(entries, entries.dropFirst()) where next.index != entry.index + 1 {
                throw Violation(description: "peer \(peer.id): entry \(next.index) follows \(entry.index)")
            }
            for entry in entries {
                if let (other, owner) = entryAt[entry.index], other != entry {
                    throw Violation(
                        description: "entry \(entry.index): peer \(owner) \(other), peer \(peer.id) \(entry)")
                }
                entryAt[entry.index] = (entry, peer.id)
            }
            var height: Int?
            for (number, id) in entries.compactMap({ $0.block?.first }) {
                if let height, hasGaps ? number <= height : number != height + 1 {
                    throw Violation(description: "peer \(peer.id): block \(number) follows \(height)")
                }
                height = number
                if let (other, owner) = blockAt[number], other != id {
                    throw Violation(
                        description: "height \(number): peer \(owner) has \(other), peer \(peer.id) has \(id)")
                }
                blockAt[number] = (id, peer.id)
            }
        }
        // A minority need not have, nor know as committed, what a quorum acknowledged.
        let complete = running.count >= quorum
        for (number, id) in ledger.acknowledged {
            if let (other, owner) = blockAt[number], other != id {
                throw Violation(description: "acknowledged \(number) \(id), but peer \(owner) has \(other)")
            }
            if complete, blockAt[number] == nil, let lowest = blockAt.keys.min(), number >= lowest {
                throw Violation(description: "acknowledged \(number) \(id), but no peer has it")
            }
        }
        if complete, blockAt.isEmpty, let newest = ledger.acknowledged.keys.max() {
            // All blocks are below the snapshots: then at least the head must be there.
            let heights = try await heights(of: running)
            guard heights.contains(where: { $0 >= newest }) else {
                throw Violation(description: "acknowledged up to \(newest), but the peers are at \(heights)")
            }
        }
    }

    /// As many of the running peers as a quorum must leave among them have applied all that was acknowledged, at last.
    private func holdWhatWasAcknowledged() async throws {
        guard let newest = ledger.acknowledged.keys.max() else { return }
        let wanted = running.count == peers.count ? running.count : max(1, quorum - (peers.count - running.count))
        try await eventually("\(wanted) peers have all blocks up to \(newest), the last acknowledged") {
            let heights = try await heights(of: running)
            guard heights.filter({ $0 >= newest }).count >= wanted else {
                throw TimedOut(description: "the peers are at \(heights)")
            }
            return true
        }
    }

    private func heights(of peers: [Peer]) async throws -> [Int] {
        var heights: [Int] = []
        for peer in peers {
            heights.append(try await peer.committedHeight())
        }
        return heights
    }
}
