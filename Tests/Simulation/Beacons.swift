// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import ProducerHA
import Raft

// What the regions' peers tell each other, as `RegionBeacon` and the peers' reports in the daemon do it.

/// A process that asked, and whom.
struct Asker {
    var region: Int
    var host: Int
    var life: Int
    /// The peer of the other region.
    var asks: Int
    /// No answer is taken after that.
    var patience: TrueTime
}

extension TwoRegions {
    private static let interval: Int64 = 1_000_000_000
    private static let patience: Int64 = 900_000_000

    /// Each peer asks each of the other region, and tells those of its own what it heard.
    func ask(_ region: Int, _ host: Int) {
        agenda.add(.ask(region: region, host: host), at: time + Self.interval)
        let world = enter(region)
        guard let replica = world.hosts[host].replica, !world.hosts[host].isStopped else { return }
        world.setWallClock(host)
        for other in worlds[1 - region].hosts.indices {
            let asker = Asker(
                region: region, host: host, life: world.hosts[host].life, asks: other,
                patience: time + Self.patience)
            carry(.question(by: asker), from: region, to: 1 - region)
        }
        for report in replica.regions.heard.values.map(\.report) {
            for peer in world.hosts.indices where peer != host && world.network[host, peer].cuts == 0 {
                let to = Asker(
                    region: region, host: peer, life: world.hosts[peer].life, asks: host, patience: .max)
                agenda.add(
                    .hearsay(report, to: to), at: time + Int64.random(in: world.plan.network.delay, using: &random))
            }
        }
    }

    func question(_ asker: Asker) {
        let region = 1 - asker.region
        let world = enter(region)
        let host = world.hosts[asker.asks]
        guard let replica = host.replica, !host.isStopped,
            let report = replica.regionReport(
                named: RegionsPlan.names[region], at: host.clock.reading(at: time))
        else { return }
        checkers.claims(report, region, world, host: asker.asks, at: time)
        carry(.report(report, to: asker), from: region, to: asker.region)
    }

    func hear(_ report: RegionReport, _ asker: Asker) {
        let world = enter(asker.region)
        let host = world.hosts[asker.host]
        guard host.life == asker.life, host.replica != nil, time <= asker.patience else { return }
        if host.isStopped {
            // It lies there until the process goes on.
            return agenda.add(
                asker.patience == .max ? .hearsay(report, to: asker) : .report(report, to: asker),
                at: time + 20_000_000)
        }
        if report.isCurrent, asker.patience != .max { checkers.isAnswered(asker.region, asker.host, at: time) }
        let known = host.replica?.regions.heard[report.name]?.report.epoch
        if known != report.epoch {
            world.trace.add(time, asker.host) {
                "hears that \(report.name) is \(report.activity) at \(report.epoch), active since"
                    + " \(report.activatedEpoch)\(report.isCurrent ? "" : ", as hearsay")"
            }
        }
        let teller = PeerID(asker.asks + 1)
        let now = host.clock.reading(at: time)
        if let actions = world.hosts[asker.host].replica?.hear(report, from: teller, at: now) {
            world.perform(actions, asker.host)
        }
        let heard = world.hosts[asker.host].replica?.regions.heard[report.name]?.report.epoch ?? 0
        checkers.check(
            heard >= known ?? 0, "newer reports stand",
            "peer \(asker.host + 1) of \(RegionsPlan.names[asker.region]) knew of epoch \(known ?? 0), and now of \(heard)"
        )
        world.check()
    }
}
