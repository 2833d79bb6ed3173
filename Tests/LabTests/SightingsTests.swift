// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Antelope
import Testing

@testable import Lab

struct SightingsTests {
    func id(_ number: UInt32, _ letter: UInt8 = 1) -> BlockID {
        BlockID(number: number, digest: Checksum256([UInt8](repeating: letter, count: 32)) ?? .zero)
    }

    func entry(_ number: UInt32, term: UInt64) -> LogEntryDocument {
        LogEntryDocument(
            index: UInt64(number), term: term, kind: .block, size: 100,
            block: .init(
                number: number, id: id(number).hex, previous: "", producer: "eosio",
                timestamp: UTCInstant(unixMilliseconds: Int64(number) * 500)))
    }

    @Test func aBlockIsOfThePeerThatLedItsTerm() {
        var sightings = Sightings()
        sightings.begin(at: 4)
        sightings.learn(leader: 2, of: 7)
        sightings.see(id(5), at: .seconds(1))
        #expect(sightings.isWaiting)
        #expect(sightings.take(at: .seconds(1)).isEmpty, "its log entry is not there yet")
        sightings.read([entry(4, term: 7), entry(5, term: 7), entry(6, term: 8)])
        #expect(sightings.nextIndex == 7)
        let maker = Sightings.Maker(peer: 2, term: 7, slotUnixMS: 2500)
        #expect(sightings.take(at: .seconds(2)) == [.init(id: id(5), at: .seconds(1), maker: maker)])
        #expect(!sightings.isWaiting)
    }

    @Test func blocksAreToldInOrderAsSoonAsTheLeaderIsKnown() {
        var sightings = Sightings()
        sightings.begin(at: 4)
        sightings.learn(leader: 1, of: 8)
        sightings.read([entry(5, term: 7), entry(6, term: 8)])
        sightings.see(id(5), at: .seconds(1))
        sightings.see(id(6), at: .seconds(1))
        #expect(sightings.take(at: .seconds(1)).isEmpty, "block 6 must wait for block 5")
        sightings.learn(leader: 3, of: 7)
        #expect(sightings.take(at: .seconds(1)).map { $0.maker?.peer } == [3, 1])
        #expect(sightings.latestLeader == 1)
    }

    @Test func aBlockThatNoLogHasIsToldWithoutAMaker() {
        var sightings = Sightings()
        sightings.begin(at: 4)
        sightings.learn(leader: 1, of: 7)
        sightings.read([entry(5, term: 7), entry(6, term: 7)])
        sightings.see(id(5, 9), at: .seconds(1))
        sightings.see(id(6), at: .seconds(2))
        #expect(sightings.take(at: .seconds(3)).isEmpty)
        #expect(sightings.take(at: .seconds(4)).map { $0.maker?.peer } == [nil, 1])
    }

    @Test func eachHeightIsSeenOnce() {
        var sightings = Sightings()
        sightings.see(id(3), at: .zero)
        sightings.begin(at: 4)
        sightings.see(id(4), at: .zero)
        sightings.see(id(5), at: .zero)
        sightings.see(id(5, 9), at: .zero)
        #expect(sightings.take(at: .seconds(9)).map(\.id) == [id(5)])
    }
}

struct OutsideLogTests {
    let received =
        "info  2026-11-24T15:58:22.455 nodeos    producer_plugin.cpp:596       on_incoming_block    ] Received block "
        + "df220a84253beab9... #180 @ 2026-11-24T15:58:23.000 signed by eosio [trxs: 7, lib: 161, confirmed: 0]\n"
    let unlinkable =
        "error 2026-11-24T15:56:56.790 nodeos    net_plugin.cpp:3397           process_signed_block ] "
        + "unlinkable_block_exception connection 3: #180 4764ad7e04a2b9ca...: Unlinkable block (3030001)\n"

    @Test func blocksAreFoundInItsLines() throws {
        let one = try #require(OutsideLog.block(in: received))
        #expect(one.number == 180 && one.id == "df220a84253beab9")
        let other = try #require(OutsideLog.block(in: unlinkable))
        #expect(other.number == 180 && other.id == "4764ad7e04a2b9ca")
        #expect(OutsideLog.block(in: "info  nodeos ] handshake lib 4, head 5, #7") == nil)
        #expect(OutsideLog.block(in: "") == nil)
    }

    @Test func aSecondBlockAtAHeightIsAFork() {
        var log = OutsideLog(file: "/nonexistent")
        log.take(Array(received.utf8)[...])
        log.take(Array(received.utf8)[...])
        #expect(log.forks.isEmpty, "the same block twice is no fork")
        // In pieces, as a file that is written meanwhile.
        for byte in unlinkable.utf8 { log.take([byte]) }
        #expect(log.forks == [180])
        let hasMore = log.read()
        #expect(!hasMore, "there is no file")
    }
}
