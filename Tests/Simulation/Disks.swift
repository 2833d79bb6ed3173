// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft
import Storage

// What the disks do with writes.

extension World {
    func submit(_ write: Store.Write, _ host: Int) {
        hosts[host].disk.submit(write)
        beginSync(host)
    }

    func beginSync(_ host: Int) {
        guard let writes = hosts[host].disk.beginSync() else { return }
        let time = Int64.random(in: plan.syncTime, using: &random)
        let ends = max(self.time, hosts[host].disk.stalledUntil) + time
        agenda.add(.synced(host: host, disk: hosts[host].disk.number, writes: writes), at: ends)
    }

    func synced(_ host: Int, _ disk: Int, _ writes: Int) {
        guard hosts[host].disk.number == disk else { return }
        let latest: UInt64?
        do {
            latest = try hosts[host].disk.endSync()
            if random.chance(1, in: 4) { try hosts[host].disk.tidy() }
        } catch .full {
            agenda.add(.retry(host: host, disk: disk), at: time + 250_000_000)
            guard !hosts[host].disk.isKnownFull else { return }
            hosts[host].disk.isKnownFull = true
            report.fullDisks += 1
            trace.add(time, host) { "has no room on its disk" }
            return reach(host, .storageBlocked(true))
        } catch {
            report.failedSyncs += 1
            trace.add(time, host) { "ends: \(error)" }
            guard hosts[host].failuresToCome > 0 else {
                crash(host, restartsAfter: random.milliseconds(1...3000))
                // It may fail again, when the process has just started or a little later.
                if random.chance(1, in: 2) { hosts[host].disk.failSync(Int.random(in: 1...8, using: &random)) }
                return
            }
            hosts[host].failuresToCome -= 1
            quietUntil = time + 1_000_000_000
            crash(host, restartsAfter: random.milliseconds(1...30), .nothing)
            return hosts[host].disk.failSync(Int.random(in: 2...3, using: &random))
        }
        if hosts[host].disk.isKnownFull {
            hosts[host].disk.isKnownFull = false
            reach(host, .storageBlocked(false))
        }
        beginSync(host)
        if let latest { reach(host, .persisted(through: latest)) }
        if let left = hosts[host].witness?.writesLeft {
            hosts[host].witness?.writesLeft = left - writes
            if left <= writes { meetsAll(host) }
        }
    }

    /// A peer with an old copy of its disk has met the one that knows better.
    func hasMetWitness(_ host: Int) {
        let writes = hosts[host].disk.waiting.count
        hosts[host].witness?.writesLeft = writes
        if writes == 0 { meetsAll(host) }
    }

    private func meetsAll(_ host: Int) {
        trace.add(time, host) { "meets all others again" }
        hosts[host].witness = nil
        for other in hosts.indices where other != host { agenda.add(.connect(host, other), at: time + 1_000_000) }
    }

    /// Tries what a full disk did not take once more.
    func retry(_ host: Int, _ disk: Int) {
        if hosts[host].disk.number == disk { beginSync(host) }
    }

    /// Takes a disk out of the group for good, as far as the group's promises go.
    private func mayLose(_ host: Int) -> Bool {
        let gone = hosts.indices.count { other in
            let machine = hosts[other]
            let hasLostVote = machine.replica.map { $0.raft.hardState.votesFrom == nil } ?? false
            return other != host && (machine.disk.image.hasNoSay || machine.witness != nil || hasLostVote)
        }
        return gone + 1 <= plan.peers - plan.quorum
    }

    /// Replaces a disk by an empty one, unless more would be gone than the group is promised to survive. A peer that was
    /// not given its vote yet, or never wrote anything, counts as lost.
    func loseDisk(_ host: Int, isFast: Bool = false) {
        guard mayLose(host) else { return }
        let down = isFast ? random.milliseconds(1...50) : random.milliseconds(0...1500)
        crash(host, restartsAfter: down)
        emptyDisk(host)
        agenda.add(.start(host: host), at: time + random.milliseconds(100...1500))
    }

    private func emptyDisk(_ host: Int) {
        report.disksReplaced += 1
        trace.add(time, host) { "gets an empty disk" }
        hosts[host].lostDisks.append(hosts[host].disk.image)
        hosts[host].disk.replace(seed: random.next())
        hosts[host].witness = nil
    }

    /// Puts an old copy of a disk back, if a leader that stays in reach remembers more: nobody else could notice.
    func putBack(_ host: Int) {
        guard let leader = leading.last, leader != host, let remembers = hosts[leader].replica?.raft,
            let copy = hosts[host].disk.copy, hosts[host].replica != nil, mayLose(host),
            let votesFrom = copy.image.hardState.votesFrom,
            remembers.watermark(of: PeerID(host + 1))
                > Watermark(votesFrom: votesFrom, writes: copy.image.hardState.writes)
        else { return }
        report.copiesPutBack += 1
        crash(host, restartsAfter: random.milliseconds(1...200))
        trace.add(time, host) { "gets an old copy of its disk, of write \(copy.image.hardState.writes)" }
        hosts[host].lostDisks.append(hosts[host].disk.image)
        hosts[host].disk.putBack(copy, seed: random.next())
        hosts[host].witness = Host.Witness(host: leader, life: hosts[leader].life)
    }

    /// Whoever could have told these that their disks are old ones is gone: somebody notices, and takes empty ones.
    func nobodyKnowsBetter(than witness: Int) {
        for host in hosts.indices {
            guard hosts[host].witness?.host == witness else { continue }
            if hosts[host].replica != nil { crash(host, restartsAfter: random.milliseconds(1...500)) }
            emptyDisk(host)
        }
    }
}
