// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ProducerHA
import Raft

extension Node {
    /// Everything that is counted and measured, in Prometheus's text format.
    func metrics() -> String {
        let now = Clock.now()
        let raft = replica.raft
        let region = replica.state.region
        var page = MetricsPage(labels: "region=\"\(settings.region)\",peer=\"\(raft.settings.id)\"")
        var leaseRemaining = Duration.zero
        if case .held(let rest) = raft.lease(at: now) { leaseRemaining = rest }
        page.gauge(
            "prodha_can_produce", "1 when this peer may produce at this moment.",
            visibleObstacle(at: now) == nil ? 1 : 0)
        page.gauge("prodha_is_leader", "1 when this peer leads its group.", raft.role == .leader ? 1 : 0)
        page.gauge("prodha_has_leader", "1 when this peer knows a leader.", raft.leader == nil ? 0 : 1)
        page.gauge("prodha_ready", "1 when this peer is a member of a working quorum.", isReady ? 1 : 0)
        page.gauge(
            "prodha_lease_remaining_seconds", "What is left of the lease; 0 without one.", leaseRemaining.inSeconds)
        page.gauge("prodha_region_active", "1 when the region is active.", region.activity == .active ? 1 : 0)
        page.gauge("prodha_region_paused", "1 when production is paused.", region.isPaused ? 1 : 0)
        page.gauge(
            "prodha_in_maintenance", "1 when this peer takes no leadership while another one can.",
            replica.isInMaintenance(raft.id) ? 1 : 0)
        page.gauge("prodha_region_epoch", "The epoch of the region's state.", Double(region.epoch))
        page.gauge(
            "prodha_region_activated_epoch", "The epoch at which the region became active last; 0 if it never was.",
            Double(region.activatedEpoch))
        page.gauge(
            "prodha_region_switch_open", "1 while a switch between regions has begun and not ended.",
            region.openSwitch == nil ? 0 : 1)
        page.gauge(
            "prodha_regions_in_conflict", "1 while this region is active and another one became so later, or as late.",
            replica.regions.isContested(region) ? 1 : 0)
        page.gauge(
            "prodha_regions_heard", "Other regions that said how they stand within the last three seconds.",
            Double(regionsHeard(at: now)))
        page.gauge("prodha_regions_configured", "Other regions.", Double(replica.regions.others.count))
        page.gauge("prodha_raft_term", "The current term.", Double(raft.term))
        page.gauge("prodha_raft_commit_index", "The index of the last committed entry.", Double(raft.commitIndex))
        page.gauge("prodha_raft_last_index", "The index of the last entry.", Double(raft.lastIndex))
        page.gauge(
            "prodha_raft_base_index", "The index of the last entry that is not kept any more.", Double(raft.baseIndex))
        page.gauge("prodha_raft_votes", "1 when this peer's vote counts.", raft.counts ? 1 : 0)
        page.gauge("prodha_store_blocked", "1 while the disk takes no writes.", raft.storageIsBlocked ? 1 : 0)
        page.gauge(
            "prodha_head_block_num", "The number of the last committed block.",
            Double(replica.state.head?.block.number ?? 0))
        page.gauge(
            "prodha_links_up", "Links to other peers that stand.",
            Double(links?.links.values.count { $0.connectedSince != nil } ?? 0))
        page.gauge("prodha_links_configured", "Other peers of the group.", Double(settings.raft.others.count))
        page.counter("prodha_blocks_committed_total", "Blocks applied.", counters.blocksCommitted)
        page.counter("prodha_entries_applied_total", "Entries applied.", counters.entriesApplied)
        page.counter(
            "prodha_entries_refused_total", "Entries that did not fit and changed nothing.", counters.entriesRefused)
        page.counter("prodha_commits_refused_total", "Blocks handed in and not committed.", counters.commitsRefused)
        page.counter("prodha_elections_won_total", "Elections that this peer won.", counters.electionsWon)
        page.counter("prodha_leaderships_lost_total", "Times that this peer stopped leading.", counters.leadershipsLost)
        page.counter(
            "prodha_leader_changes_total", "Changes of the known leader, to none included.", counters.leaderChanges)
        page.counter("prodha_leases_acquired_total", "Leases that this peer came to hold.", counters.leasesAcquired)
        page.counter("prodha_snapshots_total", "Snapshots made.", counters.snapshots)
        page.counter(
            "prodha_snapshots_installed_total", "Snapshots taken over from a leader.", counters.snapshotsInstalled)
        page.counter("prodha_http_requests_total", "Requests served.", counters.requests)
        page.counter("prodha_http_wrong_tokens_total", "Calls with a wrong token.", wrongTokens.count)
        let timings = store.timings
        page.counter("prodha_store_writes_total", "Transactions of the store, one sync each.", timings.syncs)
        page.gauge("prodha_store_write_seconds_total", "Time spent in them.", timings.total.inSeconds, type: "counter")
        page.gauge("prodha_store_write_seconds_max", "The longest of them since the start.", timings.longest.inSeconds)
        certificates.addMetrics(to: &page)
        attachment?.addMetrics(to: &page)
        transactions.addMetrics(to: &page)
        page.histogram("prodha_commit_seconds", "From handing a block in to its commit.", counters.commitTime)
        return page.text
    }
}

extension Duration {
    var inSeconds: Double { Double(inNanoseconds) / 1e9 }
}

struct MetricsPage {
    let labels: String
    private(set) var text = ""

    init(labels: String) { self.labels = labels }

    mutating func gauge(_ name: String, _ help: String, _ value: Double, type: String = "gauge") {
        head(name, help, type)
        text += "\(name){\(labels)} \(Self.format(value))\n"
    }

    mutating func counter(_ name: String, _ help: String, _ value: UInt64) {
        head(name, help, "counter")
        text += "\(name){\(labels)} \(value)\n"
    }

    mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
        head(name, help, "histogram")
        for (bound, count) in zip(histogram.bounds, histogram.counts) {
            text += "\(name)_bucket{\(labels),le=\"\(Self.format(bound))\"} \(count)\n"
        }
        text += "\(name)_bucket{\(labels),le=\"+Inf\"} \(histogram.count)\n"
        text += "\(name)_sum{\(labels)} \(Self.format(histogram.sum))\n\(name)_count{\(labels)} \(histogram.count)\n"
    }

    private mutating func head(_ name: String, _ help: String, _ type: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private static func format(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : "\(value)"
    }
}
