// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

/// The connections between hosts, and what holds messages up. Direction counts for delays and partitions; a connection
/// joins two hosts and is known by its number. What was sent on an earlier one never arrives.
struct Network {
    struct Way {
        /// How many partitions cut it.
        var cuts = 0
        /// Added to each delay.
        var slowness: Int64 = 0
        var lastArrival: TrueTime = 0
        /// What a stream keeps for the end of the partition.
        var heldUp: [(connection: Int, Message)] = []
        /// The connection as the receiver sees it; nil: none.
        var established: Int?
    }

    let count: Int
    private var ways: [Way]
    private var connections = 0

    init(hosts: Int) {
        count = hosts
        ways = Array(repeating: Way(), count: hosts * hosts)
    }

    subscript(from: Int, to: Int) -> Way {
        get { ways[from * count + to] }
        _modify { yield &ways[from * count + to] }
    }

    func isCut(_ a: Int, _ b: Int) -> Bool { self[a, b].cuts > 0 || self[b, a].cuts > 0 }

    mutating func newConnection() -> Int {
        connections += 1
        return connections
    }
}

/// What a partition cuts.
struct Partition {
    var ways: [(from: Int, to: Int)]
    var name: String
}
