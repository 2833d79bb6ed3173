// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

/// True time: nanoseconds since the run began. Only the simulator knows it.
typealias TrueTime = Int64

/// What is going to happen.
enum Happening {
    case wake(host: Int, token: Int)
    /// Something reaches a process: at once, or when it goes on if it is stopped.
    case reach(host: Int, life: Int, Event)
    case arrive(from: Int, to: Int, connection: Int, Message)
    /// The first thing that a connection brings.
    case greeting(from: Int, to: Int, connection: Int, Greeting)
    case disconnected(host: Int, from: Int, connection: Int)
    case connect(Int, Int)
    case synced(host: Int, disk: Int, writes: Int)
    case retry(host: Int, disk: Int)
    case read(host: Int, life: Int, from: LogIndex, through: LogIndex, for: PeerID)
    case start(host: Int)
    case resume(host: Int, token: Int)
    case kill(host: Int, life: Int)
    case fault
    case act(Act)
    case heal(partition: Int)
    case client
    case phase(token: Int)
}

/// What a peer says first.
struct Greeting {
    var fresh: Bool
    var hasGroup: Bool
    var remembers: Watermark
}

/// One step of a plot: several faults that together aim at one promise.
enum Act {
    case cutOff(host: Int, length: Int64)
    case cutOffLeader(length: Int64)
    case part(Int, Int, length: Int64)
    case loseDisk(host: Int)
    case crashLeader(down: Int64)
    case stopLeader(length: Int64)
    case stop(host: Int, length: Int64)
    case stall(host: Int, length: Int64)
    case makeRoom(host: Int)
    case putBack(host: Int)
    case restart(host: Int)
    /// A crash that nothing unsynced survives.
    case forget(host: Int)
    /// A process is killed, and what it wrote stays in the system's cache.
    case kill(host: Int)
    case transfer(from: Int, to: Int)
    case transferToward(host: Int)
    case crash(host: Int, down: Int64)
    case plot(tries: Int)
}

/// What awaits the winner of an election, before anybody hears of it.
enum Ambush {
    case cutOff(length: Int64)
    /// It dies when it commits something, and tells nobody.
    case crashAtCommit(down: Int64)
    case stall(length: Int64)
}

/// What is to happen, by time; in order of entry where times are equal.
struct Agenda<Happening> {
    private var heap: [(time: TrueTime, order: Int, slot: Int)] = []
    private var slots: [Happening?] = []
    private var free: [Int] = []
    private var entered = 0

    var earliest: TrueTime? { heap.first?.time }

    mutating func add(_ happening: Happening, at time: TrueTime) {
        let slot: Int
        if let reused = free.popLast() {
            slot = reused
            slots[slot] = happening
        } else {
            slot = slots.count
            slots.append(happening)
        }
        entered += 1
        heap.append((time, entered, slot))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard (heap[child].time, heap[child].order) < (heap[parent].time, heap[parent].order) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func next() -> (time: TrueTime, Happening)? {
        guard let top = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                    if (heap[child].time, heap[child].order) < (heap[least].time, heap[least].order) { least = child }
                }
                if least == parent { break }
                heap.swapAt(least, parent)
                parent = least
            }
        }
        guard let happening = slots[top.slot] else { return nil }
        slots[top.slot] = nil
        free.append(top.slot)
        return (top.time, happening)
    }
}
