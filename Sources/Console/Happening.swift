// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Operations

/// Something that has changed between two looks at the group.
struct Happening: Equatable, Sendable {
    enum Kind: String, Sendable {
        case leader, lease, region, `switch`, alarm
        case peerDown = "peer_down"
        case peerUp = "peer_up"
    }

    var kind: Kind
    var region: String?
    var peer: Int?
    /// One clause, without the region's name.
    var text: String

    /// What to tell of the way from one look to the next.
    static func between(_ old: ClusterView, _ new: ClusterView) -> [Happening] {
        let alarms = new.alarms.filter { !old.alarms.contains($0) }
            .map { Happening(kind: .alarm, text: "ALARM: \(printable($0))") }
        return alarms
            + new.regions.flatMap { region in
                old.regions.first { $0.name == region.name }.map { between($0, region) } ?? []
            } + switches(old, new)
    }

    private static func between(_ old: RegionView, _ new: RegionView) -> [Happening] {
        func happening(_ kind: Kind, _ text: String, peer: Int? = nil) -> Happening {
            Happening(kind: kind, region: new.name, peer: peer, text: text)
        }
        var found = peers(old, new, happening)
        // Where nobody answers nothing has changed that anybody saw.
        guard old.up > 0, new.up > 0 else { return found }
        if let leader = new.leader, leader.id != old.leader?.id || leader.term > (old.leader?.term ?? 0) {
            let was = old.leader.map { $0.id == leader.id ? " again" : " (was peer \($0.id))" } ?? ""
            found.append(happening(.leader, "peer \(leader.id) leads now\(was), term \(leader.term)", peer: leader.id))
        } else if new.leader == nil, let was = old.leader {
            found.append(happening(.leader, "nobody leads (peer \(was.id) did)"))
        }
        if new.leaseHolders != old.leaseHolders {
            let holders = new.leaseHolders.map { "peer \($0)" }.joined(separator: " and ")
            let lost = old.leaseHolders.map { "peer \($0)" }.joined(separator: " and ")
            found.append(
                new.leaseHolders.isEmpty
                    ? happening(.lease, "nobody holds the lease (\(lost) did)")
                    : happening(.lease, "\(holders) holds the lease", peer: new.leaseHolders.first))
        }
        found += regionItself(old, new, happening)
        return found
    }

    private static func regionItself(
        _ old: RegionView, _ new: RegionView, _ happening: (Kind, String, Int?) -> Happening
    ) -> [Happening] {
        var found: [Happening] = []
        if let standing = new.standing, let was = old.standing, standing != was {
            let epoch = new.epoch.map { ", epoch \($0)" } ?? ""
            found.append(happening(.region, "is \(new.standingWords) now (was \(old.standingWords))\(epoch)", nil))
        }
        if (new.pause == nil) != (old.pause == nil), new.isActive != nil, old.isActive != nil {
            let by = new.pause.map { " \($0.words())" } ?? ""
            found.append(happening(.region, new.pause == nil ? "is not paused any more" : "is paused\(by)", nil))
        }
        found += new.alarms.filter { !old.alarms.contains($0) }
            .map { happening(.alarm, "ALARM: \(printable($0))", nil) }
        return found
    }

    /// Each is in the logs of both regions, and is told once.
    private static func switches(_ old: ClusterView, _ new: ClusterView) -> [Happening] {
        let before = old.regions.compactMap(\.openSwitch)
        let now = new.regions.compactMap(\.openSwitch)
        func once(_ switches: [SwitchDocument], notIn others: [SwitchDocument]) -> [SwitchDocument] {
            var ids = Set(others.map(\.id))
            return switches.filter { ids.insert($0.id).inserted }
        }
        let begun = once(now, notIn: before).map { Happening(kind: .switch, text: "\($0.words) has begun") }
        // Where a region is silent it may be open there.
        guard new.regions.allSatisfy({ $0.up > 0 }) else { return begun }
        return begun
            + once(before, notIn: now).map {
                Happening(kind: .switch, text: "\($0.words) has ended: history tells how")
            }
    }

    private static func peers(
        _ old: RegionView, _ new: RegionView, _ happening: (Kind, String, Int?) -> Happening
    ) -> [Happening] {
        new.peers.compactMap { peer in
            guard let before = old.peers.first(where: { $0.report.target.isSame(as: peer.report.target) }) else {
                return nil
            }
            switch (before.report.failure, peer.report.failure) {
            case (nil, let failure?):
                return happening(.peerDown, "\(peer.name) does not answer (\(printable(failure.message)))", peer.id)
            case (_?, nil): return happening(.peerUp, "\(peer.name) answers now", peer.id)
            case (nil, nil), (_?, _?): return nil
            }
        }
    }

    /// "12:01:07 east: peer 2 leads now (was peer 1), term 8".
    func line(at time: UTCInstant) -> String {
        let clock = time.description.split(separator: "T").last?.prefix(8) ?? ""
        // What is said of the region itself needs no colon.
        let mark = text.hasPrefix("is ") ? "" : ":"
        return "-- \(clock) " + (region.map { printable($0, limit: 64) + mark + " " } ?? "") + text
    }

    func document(at time: UTCInstant) -> Tree {
        .map([
            .init("schema_version", .integer(1)), .init("at", .string(time.description)),
            .init("event", .string(kind.rawValue)), .init("region", region.map { .string($0) } ?? .null),
            .init("peer_id", peer.map { .integer(Int64($0)) } ?? .null), .init("text", .string(text)),
        ])
    }
}
