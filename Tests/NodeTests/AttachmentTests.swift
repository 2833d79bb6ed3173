// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Configuration
import Foundation
import HTTP
import ProducerHA
import Raft
import Storage
import Testing

@testable import Node

private func id(_ number: UInt32, _ fill: UInt8 = 1) -> BlockID {
    BlockID(number: number, digest: Checksum256([UInt8](repeating: fill, count: 32)) ?? .zero)
}

@Suite struct PeerReportTests {
    private var nodeos: PeerReport.Nodeos {
        .init(isWell: true, chainID: id(7).checksum, irreversible: 0xfedc_ba98, places: [id(9), id(8, 2)])
    }

    private let region = PeerReport.Hearsay(
        report: RegionReport(
            name: "west", epoch: 1 << 40, activity: .activating, activatedEpoch: 7, isCurrent: false,
            head: .zero),
        teller: PeerID(1 << 40), ageMS: 0xfedc_ba98)

    @Test func everyReportIsReadAsItWasWritten() {
        for edit in [nil, FlagRecord.Edit(isActive: true, epoch: 1 << 40), FlagRecord.Edit(isActive: false, epoch: 2)] {
            for nodeos in [nil, nodeos] {
                let report = PeerReport(edit: edit, nodeos: nodeos, regions: [region, region])
                let read = PeerReport(encoded: report.encoded())
                #expect(read?.edit == edit && read?.nodeos == nodeos && read?.regions == [region, region])
                // As a version wrote it that knew no regions.
                let old = PeerReport(edit: edit, nodeos: nodeos)
                #expect(PeerReport(encoded: Array(old.encoded().dropLast()))?.regions == [])
                // Where it is cut the whole ones before stand.
                #expect(PeerReport(encoded: Array(report.encoded().dropLast()))?.regions == [region])
                // What a later version adds behind.
                #expect(PeerReport(encoded: report.encoded() + [1, 2, 3])?.nodeos == nodeos)
            }
        }
    }

    /// What a peer of this group tells of another region answers no question of this peer.
    @Test func whatAPeerTellsOfOtherRegionsIsHearsay() throws {
        var told = region
        told.report.isCurrent = true
        let read = try #require(PeerReport(encoded: PeerReport(edit: nil, regions: [told]).encoded()))
        #expect(read.regions == [region])
        var watch = RegionWatch(others: ["west"])
        watch.hear(try #require(read.regions.first).report, from: PeerID(4), at: Instant(nanoseconds: 5))
        #expect(watch.heard["west"]?.currentAt == nil && watch.heard["west"]?.report.epoch == 1 << 40)
    }

    @Test func aReportOfAVersionWithoutNodeosIsRead() {
        let read = PeerReport(encoded: [2, 2, 5, 0, 0, 0, 0, 0, 0, 0])
        #expect(read?.edit == FlagRecord.Edit(isActive: true, epoch: 5) && read?.nodeos == nil)
        #expect(PeerReport(encoded: [2, 0])?.nodeos == nil)
        #expect(PeerReport(encoded: [1, 0]) == nil)
    }

    @Test func cutReportsAreRefused() {
        // The last byte says how many regions follow; a version that knows none leaves it out.
        let whole = Array(PeerReport(edit: nil, nodeos: nodeos).encoded().dropLast())
        for length in 3..<whole.count { #expect(PeerReport(encoded: Array(whole[..<length]))?.nodeos == nil) }
        var tooMany = whole
        tooMany[3 + 32 + 4] = 255
        #expect(PeerReport(encoded: tooMany) == nil)
    }
}

@Suite struct BoundedIDTests {
    @Test func theOldestCommittedIDsMakeRoomAndTheNewestStay() {
        var ids = CommittedIDs()
        // With gaps, as on a chain with several producers.
        for number in 1...UInt32(CommittedIDs.most) + 100 { ids.insert(id(number * 3)) }
        #expect(ids[3] == nil && ids[300] == nil)
        #expect(ids[303] == id(303))
        #expect(ids[UInt32(CommittedIDs.most + 100) * 3] != nil)
        ids.removeAll()
        #expect(ids[303] == nil)
        ids.insert(id(5))
        #expect(ids[5] == id(5))
    }

    @Test func thePlacesOfANodeosAreTheLatest() {
        var places = RecentPlaces()
        for number in 1...40 as ClosedRange<UInt32> {
            places.insert(id(number))
            places.insert(id(number))
        }
        #expect(places.ids == (25...40).reversed().map { id($0) })
    }
}

/// East, cut off, makes blocks that nobody else gets; west goes on without them, and east after that.
@Suite struct FetchedHeadTests {
    private func report(
        _ name: String, _ head: BlockID, epoch: UInt64, activated: UInt64, _ activity: RegionActivity = .active
    ) -> RegionReport {
        RegionReport(
            name: name, epoch: epoch, activity: activity, activatedEpoch: activated, isCurrent: true, head: head)
    }

    @Test func theHeadOfTheRegionThatIsRightIsKeptAsItGoesOn() {
        var heads = FetchedHeads()
        var watch = RegionWatch(others: ["east", "west"])
        for number in [5, 7] as [UInt32] {
            let east = report("east", id(number), epoch: 1, activated: 1)
            watch.hear(east, from: PeerID(1), at: Instant(nanoseconds: 1))
            #expect(heads.wants(east, as: watch))
            heads.keep([UInt8(number)], id(number), of: east)
            #expect(!heads.wants(east, as: watch) && heads.block(id(number), as: watch) == [UInt8(number)])
        }
        // An answer that comes late.
        heads.keep([6], id(6), of: report("east", id(6), epoch: 1, activated: 1))
        #expect(heads.held(of: "east", as: watch) == id(7) && heads.held(of: "west", as: watch) == nil)
        // It has made one more, which is not here yet, and stopped.
        let last = report("east", id(8), epoch: 2, activated: 1, .standby)
        watch.hear(last, from: PeerID(1), at: Instant(nanoseconds: 2))
        #expect(heads.held(of: "east", as: watch) == id(7) && heads.wants(last, as: watch))
        // It never was active.
        #expect(!heads.wants(report("west", id(9), epoch: 1, activated: 0, .standby), as: watch))
    }

    @Test func whatAnotherRegionWentOnWithoutIsNeitherFetchedNorGiven() {
        var heads = FetchedHeads()
        var watch = RegionWatch(others: ["east", "west"])
        let lost = report("east", id(7300), epoch: 1, activated: 1)
        watch.hear(lost, from: PeerID(1), at: Instant(nanoseconds: 1))
        heads.keep([1], id(7300), of: lost)
        watch.hear(
            report("west", id(100), epoch: 1_000_000, activated: 1_000_000), from: PeerID(1),
            at: Instant(nanoseconds: 2))
        for activity in [RegionActivity.active, .standby] {
            let east = report("east", id(7301), epoch: activity == .active ? 1 : 2, activated: 1, activity)
            #expect(!heads.wants(east, as: watch), "west is right")
        }
        // East is active again, and has come to the height of a block that it had before.
        let again = report("east", id(2000, 2), epoch: 1_000_002, activated: 1_000_002)
        watch.hear(again, from: PeerID(1), at: Instant(nanoseconds: 3))
        #expect(heads.held(of: "east", as: watch) == nil && heads.block(id(7300), as: watch) == nil)
        let same = report("east", id(7300, 2), epoch: 1_000_002, activated: 1_000_002)
        watch.hear(same, from: PeerID(1), at: Instant(nanoseconds: 4))
        #expect(heads.held(of: "east", as: watch) == nil && heads.wants(same, as: watch))
        heads.keep([2], id(7300, 2), of: same)
        #expect(heads.block(id(7300, 2), as: watch) == [2])
        // What was asked for before comes last.
        heads.keep([1], id(7301), of: lost)
        #expect(heads.held(of: "east", as: watch) == id(7300, 2))
    }
}

@Suite struct NodeosLockTests {
    @Test func oneProcessGuardsANodeos() throws {
        let port = 20_000 + Int(getpid()) % 20_000
        let url = HTTPURL(host: "127.0.0.1", port: port)
        do {
            let first = try NodeosLock(url)
            // Another name of the same place.
            #expect(throws: AttachmentError.self) { _ = try NodeosLock(HTTPURL(host: "localhost", port: port)) }
            let other = try NodeosLock(HTTPURL(host: "127.0.0.1", port: port + 1))
            _ = consume other
            _ = consume first
        }
        _ = try NodeosLock(url)
    }
}

@Suite struct AttachmentSettingsTests {
    private static let key = "EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV"
    private static let wif = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"

    private func settings(key: String = key, file contents: String, mode: Int = 0o600) throws -> AttachmentSettings? {
        let directory = FileManager.default.temporaryDirectory.appending(path: "prodha-node-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appending(path: "key")
        try contents.write(to: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
        let peers = (1...3).map { "{\"id\": \($0), \"address\": \"h\($0):9000\"}" }.joined(separator: ", ")
        let text = """
            {"leader_election_quorum_size": 2, "self": 1, "peers": [\(peers)], "nodeos": {"http": "http://127.0.0.1:8888",
             "producers": ["bp1"], "signer": {"public_key": "\(key)", "key_file": "\(file.path)"}}}
            """
        let loaded = ConfigurationLoader.load(bytes: Array(text.utf8), file: "c.json", environment: [:])
        return try AttachmentSettings(#require(loaded.configuration, "\(loaded.diagnostics)"))
    }

    private func complaint(_ body: () throws -> AttachmentSettings?) -> String {
        do {
            _ = try body()
            return "none"
        } catch {
            return "\(error)"
        }
    }

    @Test func aRightKeyIsTaken() throws {
        let settings = try #require(try settings(file: Self.wif + "\n"))
        #expect(settings.signer?.publicKey.description == Self.key)
        #expect(settings.producers == .only([try Name("bp1")]))
    }

    @Test func wrongKeysAreToldByName() {
        let other = "EOS4toFS3YXEQCkuuw1aqDLrtHim86Gz9u3hBdcBw5KNPZcursVHq"
        let wrong = complaint { try settings(key: other, file: Self.wif) }
        #expect(wrong.contains(Self.key) && wrong.contains(other) && !wrong.contains(Self.wif), "\(wrong)")
        let open = complaint { try settings(file: Self.wif, mode: 0o644) }
        #expect(open.contains("600") && !open.contains(Self.wif), "\(open)")
        let garbage = complaint { try settings(file: "5KQ\n") }
        #expect(garbage != "none" && !garbage.contains("5KQ"), "\(garbage)")
        // A checksum that does not fit.
        let damaged = complaint {
            try settings(key: Self.key.replacingOccurrences(of: "GDW5CV", with: "GDW5CW"), file: Self.wif)
        }
        #expect(damaged.contains("public_key"), "\(damaged)")
    }
}

@Suite struct AgreedClockTests {
    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    @Test func aJumpIsBelievedOnlyAfterATimeOfAgreement() {
        var clock = AgreedClock()
        #expect(clock.time(at: at(1)) == nil)
        clock.look(wall: 1_000_000, isOff: false, at: at(1))
        #expect(clock.time(at: at(3)) == 1_002_000)
        // It is set by a little, as clocks are.
        clock.look(wall: 1_002_500, isOff: false, at: at(3))
        #expect(clock.time(at: at(3)) == 1_002_500)
        // It jumps, and nobody has said anything of it yet; then the others disagree.
        clock.look(wall: 1_304_500, isOff: false, at: at(5))
        clock.look(wall: 1_306_500, isOff: true, at: at(7))
        clock.look(wall: 1_318_500, isOff: true, at: at(19))
        #expect(clock.time(at: at(19)) == 1_018_500)
        // They agree, for long enough: it was wrong before.
        clock.look(wall: 1_319_500, isOff: false, at: at(20))
        clock.look(wall: 1_328_500, isOff: false, at: at(29))
        #expect(clock.time(at: at(29)) == 1_028_500)
        clock.look(wall: 1_329_500, isOff: false, at: at(30))
        #expect(clock.time(at: at(30)) == 1_329_500)
    }
}
