// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Configuration
import Testing

@testable import Operations
@testable import Said

/// Two regions of three peers: east produces, peer 2 leads it; west is standby, peer 1 leads it.
struct TwoRegions {
    var east: [Said]
    var west: [Said]
    /// Peers that give no status, by region and id.
    var silent: [String: [Int: PeerFailure]] = [:]

    init() {
        east = (1...3).map { id in
            var said = id == 2 ? Said.leader() : Said.follower(id)
            said.state = .active
            said.activatedEpoch = 3
            said.clock = 0
            said.hears = [.init(name: "west", ageMS: 300, report: report("west", epoch: 2))]
            return said
        }
        west = (1...3).map { id in
            Said(
                id: id, region: "west", role: id == 1 ? .leader : .follower, term: 4, leader: 1, commit: 15,
                active: false, epoch: 2, reason: id == 1 ? .regionStandby : .notLeader, lease: id == 1, head: 1000,
                headAge: nil, clock: 0, state: .standby, activatedEpoch: 0,
                hears: [.init(name: "east", ageMS: 400, report: report("east", epoch: 3))])
        }
    }

    mutating func eachOfWest(_ change: (inout Said) -> Void) { for index in west.indices { change(&west[index]) } }
    mutating func eachOfEast(_ change: (inout Said) -> Void) { for index in east.indices { change(&east[index]) } }

    var reports: [PeerReport] {
        (east + west).map { said in
            guard let failure = silent[said.region]?[said.id] else { return said.report }
            return missing(said.id, failure, region: said.region)
        }
    }

    var view: ClusterView { ClusterView(Inspection(reports: reports)) }
}

func report(_ region: String, epoch: UInt64, activated: UInt64? = nil, head: UInt32 = 1034) -> RegionReportDocument {
    RegionReportDocument(
        region: region, peer: 1, epoch: epoch, state: region == "east" || activated != nil ? .active : .standby,
        paused: false,
        activatedEpoch: activated ?? (region == "east" ? epoch : 0), current: true, leaderID: 1, term: 1,
        head: BlockReference(blockNum: head, blockID: "0000040a5c"))
}

let alice = ActDocument(
    operation: "pause-1", who: "alice@ops-1", from: "127.0.0.1", reason: "disk swap",
    at: UTCInstant(unixMilliseconds: Said.now))

/// What is wrong, what the pre-flight calls it, how bad it is, and the words that must be in it and its remedy.
struct Flaw: Sendable, CustomTestStringConvertible {
    var name: String
    var severity: Preflight.Severity
    var what: String
    var remedy: String
    var change: @Sendable (inout TwoRegions) -> Void

    var testDescription: String { "\(name): \(what)" }

    init(
        _ name: String, _ severity: Preflight.Severity, _ what: String, _ remedy: String,
        _ change: @escaping @Sendable (inout TwoRegions) -> Void
    ) {
        self.name = name
        self.severity = severity
        self.what = what
        self.remedy = remedy
        self.change = change
    }

    /// A refusal.
    init(_ name: String, _ what: String, _ remedy: String, _ change: @escaping @Sendable (inout TwoRegions) -> Void) {
        self.init(name, .refusal, what, remedy, change)
    }
}

private func nodeos(
    _ head: UInt32, chain: String = "aca376", condition: String = "well", key: String? = "EOS6key"
) -> StatusDocument.Nodeos {
    var nodeos = StatusDocument.Nodeos(http: "http://127.0.0.1:8888", reachable: true, condition: condition)
    nodeos.head = BlockReference(blockNum: head, blockID: "00")
    nodeos.chainID = chain
    nodeos.signer = key.map {
        .init(publicKey: $0, signed: 0, repeated: 0, refused: [:], malformed: 0, outstanding: false)
    }
    return nodeos
}

/// Every peer has a nodeos that stands at east's head.
private func attach(_ regions: inout TwoRegions) {
    regions.eachOfEast { $0.nodeos = nodeos(1034) }
    regions.eachOfWest { $0.nodeos = nodeos(1034) }
}

let running = SwitchDocument(
    id: "s1", kind: .planned, from: "east", to: "west", fromExpects: 3, toExpects: 2, act: alice)

let flaws: [Flaw] = [
    .init("unreachable", "no peer of west gives a status", "bring its peers up") {
        $0.silent["west"] = [1: silence, 2: silence, 3: .refused]
    },
    .init("unreachable", "no peer of east gives a status", "--force --accept-loss") {
        $0.silent["east"] = [1: silence, 2: silence, 3: .refused]
    },
    .init("denied", "the peers of west answer and refuse the token", "show one that they take") {
        let denial = PeerFailure.httpError(status: 401, name: "unauthorized", message: "")
        $0.silent["west"] = [1: denial, 2: denial, 3: denial]
    },
    .init("no_leader", "no peer of west says that it leads", "prodha status") {
        $0.eachOfWest {
            $0.role = .follower
            $0.leader = -1
            $0.lease = false
        }
    },
    .init("no_leader", "no peer of east says that it leads", "prodha status") {
        $0.eachOfEast {
            $0.role = .follower
            $0.leader = -1
            $0.can = false
            $0.reason = .noLeader
        }
    },
    .init("no_quorum", "peer 1 leads west and holds no lease", "prodha status") { $0.west[0].lease = false },
    .init("no_quorum", "peer 2 leads east and holds no lease", "prodha status") {
        $0.east[1].lease = false
        $0.east[1].can = false
        $0.east[1].reason = .noQuorum
    },
    .init("few_answer", "1 of the peers of west gives a status, and its quorum is 2", "reach the APIs") {
        $0.silent["west"] = [2: silence, 3: silence]
    },
    .init("peer_missing", .warning, "peer 3 of west gives no status: connection refused", "bring it up") {
        $0.silent["west"] = [3: .refused]
    },
    .init("several_active", "2 regions are active: east and west", "--force --accept-loss") {
        $0.eachOfWest {
            $0.active = true
            $0.state = .active
        }
    },
    .init("none_active", "no region is active", "--force --accept-loss starts it") {
        $0.eachOfEast {
            $0.active = false
            $0.state = .standby
            $0.can = false
            $0.reason = .regionStandby
            if $0.role == .leader { $0.lease = true }
        }
    },
    .init(
        "switch_running", "a planned switch from east to west by alice@ops-1 at", "--resume, or undo it with --rollback"
    ) { $0.eachOfEast { $0.openSwitch = running } },
    .init("switch_running", "as the log of west has it", "--resume") { $0.eachOfWest { $0.openSwitch = running } },
    .init("paused", "west is paused by alice@ops-1", "prodha resume --region west") {
        $0.eachOfWest {
            $0.paused = true
            $0.pause = alice
        }
    },
    .init("old_paused", .warning, "east is paused by alice@ops-1", "west will produce nevertheless") {
        $0.eachOfEast {
            $0.paused = true
            $0.pause = alice
            $0.can = false
            if $0.role == .leader { $0.reason = .regionPaused }
            $0.lease = $0.role == .leader
        }
    },
    .init("no_block", "east has no block yet", "wait for its first block") {
        $0.eachOfEast { $0.head = nil }
        $0.eachOfWest { $0.head = nil }
    },
    .init("head_ahead", "west holds block 1040 and east has come to block 1034 only", "wait until east has passed") {
        $0.eachOfWest { $0.head = 1040 }
    },
    .init("configuration_differs", "they disagree about the quorum", "prodha validate --live") {
        $0.west[1].quorum = 3
    },
    .init("configuration_differs", "they disagree about the members", "prodha validate --live") {
        $0.east[0].members = [1, 2, 3, 4]
    },
    .init("peers_disagree", .warning, "they disagree about the epoch", "look again") { $0.west[1].epoch = 1 },
    .init("alarm", "both say that they lead in term 4", "prodha status") {
        $0.west[1].role = .leader
        $0.west[1].leader = 2
    },
    .init("peer_behind", .warning, "peer 3 of east is 50 entries behind", "let it catch up") { $0.east[2].commit = 70 },
    .init("versions_differ", .warning, "peer 3 of west runs 0.2.0", "finish the update") {
        $0.west[2].version = "0.2.0"
    },
    .init("clocks_differ", .warning, "the clock of peer 3 of west is 400 ms ahead of that of", "synchronize") {
        $0.west[2].clock = 400
    },
    .init("clocks_differ", "the clock of peer 3 of west is 2.0 s ahead of that of", "synchronize") {
        $0.west[2].clock = 2000
    },
    .init("region_not_heard", .warning, "west has not heard east for 9.0 s", "trust their certificates") {
        $0.eachOfWest { $0.hears = [.init(name: "east", ageMS: 9000, report: report("east", epoch: 3))] }
    },
    .init("region_not_heard", .warning, "east has not heard west yet", "trust their certificates") {
        $0.eachOfEast { $0.hears = [.init(name: "west")] }
    },
    .init("region_not_listed", .warning, "the peers of west do not know of east", "list it under regions") {
        $0.eachOfWest { $0.hears = [] }
    },
    .init("no_nodeos", .note, "no nodeos is attached to west", "") { _ in },
    .init("no_nodeos", "no peer of west has a nodeos, and those of east have", "nodeos.http") {
        $0.eachOfEast { $0.nodeos = nodeos(1034) }
    },
    .init(
        "nodeos_not_ready",
        "1 nodeos of west stand ready, and the quorum is 2: peer 2's chain is 1,200 blocks behind; "
            + "peer 3's nodeos does not answer", "let them catch up"
    ) {
        attach(&$0)
        $0.eachOfEast { $0.head = 2234 }
        $0.west[0].nodeos = nodeos(2234)
        $0.west[1].nodeos = nodeos(1034)
        $0.west[2].nodeos?.reachable = false
    },
    .init("nodeos_not_ready", .warning, "west: peer 3's nodeos is on another branch", "let it catch up") {
        attach(&$0)
        $0.west[2].nodeos = nodeos(1034, condition: "diverged")
    },
    .init("chains_differ", "west has bbbb, the old region aca376", "the same chain") {
        attach(&$0)
        $0.eachOfWest { $0.nodeos = nodeos(1034, chain: "bbbb") }
    },
    .init("no_key", "peers 1, 2 and 3 of west have no producer key", "nodeos.signer") {
        attach(&$0)
        $0.eachOfWest { $0.nodeos = nodeos(1034, key: nil) }
    },
    .init("no_key", .warning, "peer 3 of west has no producer key", "nodeos.signer") {
        attach(&$0)
        $0.west[2].nodeos = nodeos(1034, key: nil)
    },
    .init("signer_failed", "no signature can be made in west", "the keosd behind it") {
        attach(&$0)
        $0.west[0].reason = .nodeosSignerFailed
    },
    .init("keys_differ", .warning, "west signs with EOS7other", "see that the chain takes that key") {
        attach(&$0)
        $0.eachOfWest { $0.nodeos = nodeos(1034, key: "EOS7other") }
    },
]

@Suite struct PreflightTests {
    @Test func twoWellRegionsPass() throws {
        let preflight = Preflight(TwoRegions().view.regions, to: "west", kind: .planned)
        #expect(preflight.findings.map(\.name) == ["no_nodeos"], "\(preflight.findings)")
        #expect(preflight.passes)
        #expect(
            preflight.from?.region == "east" && preflight.from?.epoch == 3 && preflight.from?.head?.blockNum == 1034)
        #expect(preflight.to?.region == "west" && preflight.to?.epoch == 2)
        var withNodeos = TwoRegions()
        attach(&withNodeos)
        let second = Preflight(withNodeos.view.regions, to: "west", kind: .planned)
        #expect(second.findings.isEmpty, "\(second.findings)")
    }

    @Test(arguments: flaws)
    func everyFlawIsFoundAndItsRemedyNamed(_ flaw: Flaw) throws {
        var regions = TwoRegions()
        flaw.change(&regions)
        let preflight = Preflight(regions.view.regions, to: "west", kind: .planned)
        let found = preflight.findings.filter { $0.name == flaw.name }
        #expect(
            found.contains {
                $0.severity == flaw.severity && $0.what.contains(flaw.what)
                    && (flaw.remedy.isEmpty || $0.remedy.contains(flaw.remedy))
            }, "\(preflight.findings)")
        #expect(preflight.passes == (flaw.severity != .refusal), "\(preflight.findings)")
        // A remedy for everything that is to be remedied.
        #expect(preflight.findings.allSatisfy { $0.severity == .note || !$0.remedy.isEmpty })
    }

    @Test func aStandbyRegionIsAsReadyAsThePreflightSays() throws {
        for flaw in flaws {
            var regions = TwoRegions()
            flaw.change(&regions)
            let view = regions.view
            let west = try #require(view.regions.last)
            guard let readiness = west.readiness, readiness.kind == .planned else { continue }
            #expect(readiness.isReady == Preflight(view.regions, to: "west", kind: .planned).passes, "\(flaw)")
            #expect(readiness.isReady || west.verdict == .degraded, "\(flaw): not ready is not well")
            #expect(readiness.isReady || view.headline.contains("not ready: "), "\(flaw)")
        }
    }

    @Test func readinessIsSaidInWords() throws {
        var regions = TwoRegions()
        regions.eachOfWest {
            $0.lastDrill = .init(at: UTCInstant(unixMilliseconds: Said.now - 12 * 86_400_000 - 5000), gapMS: 812)
        }
        #expect(regions.view.regions[1].readiness?.words == "ready, last drill 12 days ago: 0.8 s")
        #expect(TwoRegions().view.regions[1].readiness?.words == "ready, never rehearsed")
        #expect(TwoRegions().view.regions[0].readiness == nil, "an active region has nothing to be ready for")
        attach(&regions)
        regions.eachOfEast { $0.head = 2234 }
        regions.west[0].nodeos = nodeos(2234)
        regions.west[1].nodeos = nodeos(1034)
        regions.west[2].nodeos = nodeos(1034)
        let words = try #require(regions.view.regions[1].readiness?.words)
        #expect(words.hasPrefix("not ready: ") && words.contains("peer 2's chain is 1,200 blocks behind"), "\(words)")
        var lost = TwoRegions()
        lost.silent["east"] = [1: silence, 2: silence, 3: silence]
        #expect(lost.view.regions[1].readiness?.words == "ready for a forced switch, never rehearsed")
    }

    @Test func theActiveRegionIsNotSwitchedTo() {
        let preflight = Preflight(TwoRegions().view.regions, to: "east", kind: .planned)
        #expect(preflight.isActiveAlready && !preflight.passes)
        #expect(Preflight(TwoRegions().view.regions, to: "east", kind: .forced).isActiveAlready)
    }

    @Test func anUnknownRegionIsNamedWithThoseThatThereAre() {
        let preflight = Preflight(TwoRegions().view.regions, to: "south", kind: .planned)
        #expect(preflight.isUnknown && preflight.refusals[0].what == "there is no region south")
        #expect(preflight.refusals[0].remedy.contains("east and west"))
        let one = view(said(.follower(1), .leader(), .follower(3)))
        let alone = Preflight(one.regions, to: "east", kind: .forced)
        #expect(alone.isActiveAlready)
    }

    // MARK: - Forced

    @Test func forceIsRefusedWhileThePlannedWayIsOpen() {
        let preflight = Preflight(TwoRegions().view.regions, to: "west", kind: .forced)
        #expect(preflight.refusals.map(\.name) == ["reachable"])
        #expect(preflight.refusals[0].remedy.contains("prodha failover --region west"))
    }

    @Test func forceTakesWhatOthersHeardOfTheLostRegion() throws {
        var regions = TwoRegions()
        regions.silent["east"] = [1: silence, 2: silence, 3: silence]
        regions.eachOfWest {
            $0.hears = [.init(name: "east", ageMS: 7000, report: report("east", epoch: 7, head: 1050))]
        }
        let preflight = Preflight(regions.view.regions, to: "west", kind: .forced)
        #expect(preflight.passes, "\(preflight.findings)")
        #expect(preflight.from?.region == "east" && preflight.from?.epoch == 7)
        #expect(preflight.from?.head?.blockNum == 1050)
        #expect(preflight.givenUp?.region == "east" && preflight.givenUp?.epoch == 7)
        let known = try #require(preflight.givenUp?.known)
        #expect(known.toldBy == 1 && known.source == .beacon && known.ageMS == 7000)
        // A peer of the lost region that answers without a leader knows more, and says so itself.
        regions.silent["east"] = [1: silence, 2: silence]
        regions.east[2].head = 1051
        let asked = try #require(Preflight(regions.view.regions, to: "west", kind: .forced).givenUp?.known)
        #expect(asked.block.blockNum == 1051 && asked.toldBy == 3 && asked.source == .command && asked.ageMS == 0)
        regions.silent["east"] = [1: silence, 2: silence, 3: silence]
        regions.eachOfWest { $0.hears = [.init(name: "east")] }
        #expect(
            Preflight(regions.view.regions, to: "west", kind: .forced).givenUp == GivenUpDocument(region: "east"))
        // Nobody says how old the first is, and the log takes no such age as the second's.
        for age in [nil, 1e18, -5] as [Double?] {
            regions.eachOfWest {
                $0.hears = [.init(name: "east", ageMS: age.map { Milliseconds($0) }, report: report("east", epoch: 7))]
            }
            let known = try #require(Preflight(regions.view.regions, to: "west", kind: .forced).givenUp?.known)
            #expect(known.ageMS.value == (age == -5 ? 0 : Double(GivenUpDocument.longestAgeMS)))
        }
    }

    private func forcedPlan(_ change: (inout TwoRegions) -> Void) throws -> FailoverPlan {
        var regions = TwoRegions()
        regions.silent["east"] = [1: silence, 2: .refused, 3: silence]
        change(&regions)
        let view = regions.view
        let preflight = Preflight(view.regions, to: "west", kind: .forced)
        #expect(preflight.passes, "\(preflight.findings)")
        return try #require(FailoverPlan(preflight, view.regions))
    }

    /// A standby region's log stands still; what its peers fetched of the other's blocks counts too.
    @Test func whatTheRegionLacksIsCountedFromTheBestThatItHas() throws {
        let heard = report("east", epoch: 3)
        func held(_ number: UInt32) -> BlockReference { BlockReference(blockNum: number, blockID: "00") }
        let none = try forcedPlan { $0.eachOfWest { $0.hears = [.init(name: "east", ageMS: 7000, report: heard)] } }
        #expect(
            none.loss.contains(
                "the last block of east that is known is 1034, told by its peer 1 (the region was heard last 7.0 s ago), and west lacks 34 blocks "
                    + "of those that are known, for it has block 1000, the end of its log"), "\(none.loss)")
        let most = try forcedPlan {
            $0.eachOfWest { $0.hears = [.init(name: "east", ageMS: 7000, report: heard, held: held(1030))] }
            $0.west[1].hears?[0].held = held(1033)
        }
        #expect(
            most.loss.contains(
                "west lacks 1 block of those that are known, for it has block 1033, which peer 2 fetched from east "
                    + "(its log ends with block 1000)"), "\(most.loss)")
        let all = try forcedPlan {
            $0.eachOfWest { $0.hears = [.init(name: "east", ageMS: 7000, report: heard, held: heard.head)] }
        }
        #expect(all.loss.contains("west has all of those that are known: block 1034, which peer 1"), "\(all.loss)")
        // What was fetched before its own log went further says nothing.
        let old = try forcedPlan {
            $0.eachOfWest { $0.hears = [.init(name: "east", ageMS: 7000, report: heard, held: held(900))] }
        }
        #expect(old.loss.contains("lacks 34 blocks") && old.loss.contains("the end of its log"), "\(old.loss)")
        // East had gone further, and was given up, and is active again: those blocks are not the chain's.
        for abandoned in [held(1034), held(7300)] {
            let back = try forcedPlan {
                $0.eachOfWest { $0.hears = [.init(name: "east", ageMS: 7000, report: heard, held: abandoned)] }
            }
            #expect(back.loss.contains("lacks 34 blocks") && back.loss.contains("the end of its log"), "\(back.loss)")
        }
        let nothing = try forcedPlan { $0.eachOfWest { $0.hears = [.init(name: "east")] } }
        #expect(nothing.loss.contains("how many west lacks is not known"), "\(nothing.loss)")
    }

    @Test func ofEachOldPeerItIsSaidWhatBecameOfItAndWhenItWasHeardLast() throws {
        let plan = try forcedPlan { regions in
            regions.eachOfWest {
                $0.hears = [
                    .init(
                        name: "east", ageMS: 7000, report: report("east", epoch: 3),
                        peers: [.init(id: 1, ageMS: 9000), .init(id: 2, trouble: "connection refused")])
                ]
            }
            regions.west[2].hears?[0].peers?[0] = .init(id: 1, ageMS: 7000, trouble: "no answer within 900 ms")
        }
        let tried = plan.tried
        #expect(tried.count == 3)
        #expect(tried[0].hasPrefix("peer 1 of east: ") && tried[0].contains("no answer"), "\(tried)")
        #expect(tried[0].hasSuffix("; peer 3 of west heard it 7.0 s ago (no answer within 900 ms)"), "\(tried)")
        #expect(
            tried[1] == "peer 2 of east: connection refused; no peer that answers has heard it since it started "
                + "(connection refused)", "\(tried)")
        #expect(tried[2].hasSuffix("; when it was heard last is not known"), "\(tried)")
        // Its own group's word counts where one of them answers.
        let other = try forcedPlan { regions in
            regions.silent["east"] = [1: silence, 2: .refused]
            regions.eachOfEast {
                $0.role = .follower
                $0.can = false
                $0.leader = -1
                $0.reason = .noLeader
            }
        }
        #expect(other.tried[0].hasSuffix("its own group heard it 13 ms ago"), "\(other.tried)")
        #expect(other.tried[2].hasPrefix("peer 3 of east: answers; "), "\(other.tried)")
    }

    @Test func aLeaderWithoutAQuorumDoesNotStandAgainstForce() {
        var regions = TwoRegions()
        regions.east[1].can = false
        regions.east[1].lease = false
        regions.east[1].reason = .noQuorum
        regions.silent["east"] = [1: silence, 3: silence]
        #expect(Preflight(regions.view.regions, to: "west", kind: .forced).passes)
        // A refused token is no silence.
        let denial = PeerFailure.httpError(status: 403, name: "forbidden", message: "")
        regions.silent["east"] = [1: denial, 2: denial, 3: denial]
        #expect(Preflight(regions.view.regions, to: "west", kind: .forced).refusals.map(\.name) == ["denied"])
    }

    @Test func equalEpochsAreSettledByForceAlone() {
        var regions = TwoRegions()
        regions.eachOfWest {
            $0.active = true
            $0.state = .active
            $0.activatedEpoch = 3
        }
        #expect(Preflight(regions.view.regions, to: "west", kind: .planned).refusals.map(\.name) == ["several_active"])
        let forced = Preflight(regions.view.regions, to: "west", kind: .forced)
        #expect(forced.passes && !forced.isActiveAlready, "\(forced.findings)")
        regions.eachOfWest { $0.activatedEpoch = 2 }
        #expect(Preflight(regions.view.regions, to: "west", kind: .forced).refusals.map(\.name) == ["reachable"])
        #expect(
            regions.view.alarms.contains {
                $0.contains("east is right, west must stop")
            }, "\(regions.view.alarms)")
    }
}
