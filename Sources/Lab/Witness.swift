// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope
import NIOCore

/// Watches the outside node: what it has is what the world has.
actor Witness {
    enum Report: Sendable {
        case saw(Sightings.Sighting)
        /// Heights for which it was given a second block, all that came so far.
        case forks(Set<UInt32>)
    }

    /// Between two looks.
    static let pause = Duration.milliseconds(20)
    static let readLogEvery = Duration.milliseconds(500)
    static let patience = TimeAmount.milliseconds(500)

    private let outside: NodeosAPI
    private let peers: [Int: PeerAPI]
    private let clock: DemoClock
    private let report: @Sendable (Report) async -> Void
    private var sightings = Sightings()
    private var log: OutsideLog
    private var logReadAt = Duration.zero

    init(
        outside: NodeosAPI, logFile: String, peers: [Int: PeerAPI], clock: DemoClock,
        report: @escaping @Sendable (Report) async -> Void
    ) {
        self.outside = outside
        self.peers = peers
        self.clock = clock
        self.report = report
        log = OutsideLog(file: logFile)
    }

    func learn(leader: Int, of term: UInt64) { sightings.learn(leader: leader, of: term) }

    /// Until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            await look()
            await readGroup()
            for sighting in sightings.take(at: clock.now()) { await report(.saw(sighting)) }
            if clock.now() - logReadAt >= Self.readLogEvery { await readLog() }
            try? await Task.sleep(for: Self.pause)
        }
        await readLog()
    }

    private func look() async {
        guard let info = await outside.info(timeout: Self.patience), let head = BlockID(hex: info.headID) else {
            return
        }
        let now = clock.now()
        guard let last = sightings.last else { return sightings.begin(at: head.blockNumber) }
        guard head.blockNumber > last else { return }
        for number in last + 1..<head.blockNumber {
            guard let id = await outside.blockID(at: number, timeout: Self.patience) else { return }
            sightings.see(id, at: now)
        }
        sightings.see(head, at: now)
    }

    /// What the group has committed since, from its leader first.
    private func readGroup() async {
        guard sightings.isWaiting else { return }
        let first = sightings.latestLeader
        for peer in peers.keys.sorted(by: { ($0 == first ? 0 : $0) < ($1 == first ? 0 : $1) }) {
            var entries: [LogEntryDocument] = []
            let isWhole = await peers[peer]?.log(from: sightings.nextIndex, timeout: Self.patience) { entries += $0 }
            sightings.read(entries)
            if isWhole == true { return }
        }
    }

    private func readLog() async {
        logReadAt = clock.now()
        if log.read() { await report(.forks(log.forks)) }
    }
}
