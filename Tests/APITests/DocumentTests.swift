// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Foundation
import Testing

/// Equal as JSON, whatever the order of keys: both are read by a reader that knows nothing of our documents.
private func expectJSON(
    _ document: some Encodable, _ expected: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let written = String(decoding: try JSONEncoder().encode(document), as: UTF8.self)
    let (left, right) = (try AnyJSON(written), try AnyJSON(expected))
    #expect(left == right, "written: \(written)", sourceLocation: sourceLocation)
}

private struct AnyJSON: Equatable {
    var value: JSONValue

    init(_ text: String) throws {
        struct Box: Document { var box: JSONValue }
        value = try Box(json: "{\"box\":\(text)}").box
    }
}

private let id1034 = String(repeating: "0", count: 5) + "40a" + String(repeating: "c", count: 56)

@Suite struct DocumentTests {
    private var status: StatusDocument {
        StatusDocument(
            peer: .init(
                id: 1, region: "east", address: "10.0.0.1:9000", api: "10.0.0.1:10000", version: "1.0",
                uptimeMS: 12000,
                certificates: [
                    .init(use: "api", subject: "/CN=bp1", expiresAt: UTCInstant(unixMilliseconds: 86_400_000))
                ]),
            raft: .init(
                role: .leader, term: 7, leaderID: 1, commitIndex: 120, appliedIndex: 120, lastIndex: 120,
                snapshotIndex: 0, quorumSize: 2, lease: .init(held: true, remainingMS: 712, expiryMS: 750)),
            peers: [
                .init(
                    id: 2, address: "10.0.0.2:9000", api: "10.0.0.2:10000", connected: true, lastContactMS: 13,
                    matchIndex: 120, rttMS: 0.4, state: .replicating)
            ],
            production: .init(
                regionActive: true, epoch: 3, paused: false, canProduce: true, reason: nil,
                head: .init(blockNum: 1034, blockID: id1034, committedAt: UTCInstant(unixMilliseconds: 0))))
    }

    @Test func statusIsSpelledAsTheReferenceSays() throws {
        try expectJSON(
            status,
            """
            {"schema_version": 1,
             "peer": {"id": 1, "region": "east", "address": "10.0.0.1:9000", "api": "10.0.0.1:10000", "version": "1.0",
                      "uptime_ms": 12000, "time": null,
                      "certificates": [{"use": "api", "subject": "/CN=bp1", "expires_at": "1970-01-02T00:00:00.000Z"}]},
             "raft": {"role": "leader", "term": 7, "leader_id": 1, "commit_index": 120, "applied_index": 120,
                      "last_index": 120, "snapshot_index": 0, "quorum_size": 2,
                      "lease": {"held": true, "remaining_ms": 712, "expiry_ms": 750}},
             "peers": [{"id": 2, "address": "10.0.0.2:9000", "api": "10.0.0.2:10000", "connected": true,
                        "last_contact_ms": 13, "match_index": 120, "rtt_ms": 0.4, "state": "replicating"}],
             "production": {"region_active": true, "state": null, "activated_epoch": null, "switch": null,
                            "last_drill": null, "superseded": null, "epoch": 3, "paused": false, "pause": null, "can_produce": true,
                            "reason": null, "head": {"block_num": 1034, "block_id": "\(id1034)",
                                     "committed_at": "1970-01-01T00:00:00.000Z"}},
             "maintenance": null, "regions": null, "nodeos": null, "transactions": null, "group": null}
            """)
        #expect(try StatusDocument(json: status.json()) == status)
    }

    @Test func otherRegionsAreSpelledAsTheReferenceSays() throws {
        let other = StatusDocument.OtherRegion(
            name: "west", ageMS: 312, held: BlockReference(blockNum: 1034, blockID: id1034),
            peers: [.init(id: 1, ageMS: 312), .init(id: 2, trouble: "refused")])
        try expectJSON(
            other,
            """
            {"name":"west","age_ms":312,"report":null,"held":{"block_num":1034,"block_id":"\(id1034)"},
             "peers":[{"id":1,"age_ms":312,"trouble":null},{"id":2,"age_ms":null,"trouble":"refused"}]}
            """)
        var status = status
        status.regions = [other, .init(name: "north")]
        #expect(try StatusDocument(json: status.json()) == status)
    }

    @Test func aRegionThatWasGivenUpIsSpelledAsTheReferenceSays() throws {
        let givenUp = GivenUpDocument(
            region: "east", epoch: 7,
            known: .init(
                block: BlockReference(blockNum: 1034, blockID: id1034), toldBy: 2, source: .beacon, ageMS: 1200))
        let json = """
            {"region":"east","epoch":7,"known":{"block":{"block_num":1034,"block_id":"\(id1034)"},"told_by":2,"source":"beacon",
             "age_ms":1200}}
            """
        try expectJSON(givenUp, json)
        try expectJSON(GivenUpDocument(region: "east"), #"{"region":"east","epoch":0,"known":null}"#)
        for word in KnowledgeSource.known { #expect(KnowledgeSource(rawValue: word.rawValue) == word) }
        try expectJSON(
            LogEntryDocument.Region(
                epoch: 1_000_000, expects: 2, state: "active", paused: false, givenUp: givenUp),
            """
            {"epoch":1000000,"expects":2,"state":"active","paused":false,"base":null,"act":null,"given_up":\(json)}
            """)
        let request = RegionRequest(force: true, givenUp: givenUp)
        #expect(try RegionRequest(json: request.json()) == request)
    }

    @Test func whatIsKnownOfOthersIsSpelledAsTheReferenceSays() throws {
        let group = GroupDocument(
            region: "east", peer: 1, peers: [.init(id: 1, ageMS: 0, status: status), .init(id: 2)])
        try expectJSON(
            group,
            """
            {"schema_version": 1, "region": "east", "peer": 1,
             "peers": [{"id": 1, "age_ms": 0, "status": \(String(decoding: status.json(), as: UTF8.self))},
                       {"id": 2, "age_ms": null, "status": null}]}
            """)
        #expect(try GroupDocument(json: group.json()) == group)
        var asked = status
        asked.group = group.peers
        #expect(try StatusDocument(json: asked.json()) == asked)
    }

    @Test func transactionsAreSpelledAsTheReferenceSays() throws {
        var status = status
        status.transactions = .init(
            waiting: 3, waitingBytes: 1200, handedIn: 9, committed: 2, rejected: 1, expired: 4, unknown: 5,
            overloaded: 6, repeated: 7, knownFromBlockNum: 2)
        try expectJSON(
            status.transactions,
            """
            {"waiting": 3, "waiting_bytes": 1200, "handed_in": 9, "committed": 2, "rejected": 1, "expired": 4,
             "unknown": 5, "overloaded": 6, "repeated": 7, "known_from_block_num": 2, "queue": null}
            """)
        #expect(try StatusDocument(json: status.json()) == status)
        let queue = StatusDocument.Queue(
            name: "trx", broker: "amqp://bp@h:5672", ackMode: "in_block", state: .failing, reason: "no route",
            waiting: 1, delivered: 9, redelivered: 2, committed: 3, failed: 4, rejected: 5, requeued: 6)
        try expectJSON(
            queue,
            """
            {"name": "trx", "broker": "amqp://bp@h:5672", "ack_mode": "in_block", "state": "failing",
             "reason": "no route", "waiting": 1, "delivered": 9, "redelivered": 2, "committed": 3, "failed": 4,
             "rejected": 5, "requeued": 6}
            """)
        status.transactions?.queue = queue
        #expect(try StatusDocument(json: status.json()) == status)
        // An older peer has none.
        let old = String(decoding: self.status.json(), as: UTF8.self).replacing(",\"transactions\":null", with: "")
        #expect(try StatusDocument(json: old) == self.status)

        var document = TransactionDocument(transactionID: "ab", state: .committed)
        document.blockNum = 5
        document.blockID = "cd"
        document.blockTime = UTCInstant(unixMilliseconds: 0)
        document.receiptStatus = "executed"
        try expectJSON(
            document,
            """
            {"schema_version": 1, "transaction_id": "ab", "state": "committed", "block_num": 5, "block_id": "cd",
             "block_time": "1970-01-01T00:00:00.000Z", "receipt_status": "executed", "handed_in": null,
             "expiration": null, "not_in_blocks": null}
            """)
        document = TransactionDocument(transactionID: "ab", state: .unknownHere)
        document.handedIn = true
        document.expiration = UTCInstant(unixMilliseconds: 1000)
        document.notInBlocks = BlockRange(from: 2, to: 9, toTime: UTCInstant(unixMilliseconds: 500))
        try expectJSON(
            document,
            """
            {"schema_version": 1, "transaction_id": "ab", "state": "unknown", "block_num": null, "block_id": null,
             "block_time": null, "receipt_status": null, "handed_in": true, "expiration": "1970-01-01T00:00:01.000Z",
             "not_in_blocks": {"from": 2, "to": 9, "to_time": "1970-01-01T00:00:00.500Z"}}
            """)
        #expect(try TransactionDocument(json: document.json()) == document)
        #expect(TransactionState.known.map(\.rawValue) == ["committed", "waiting", "expired", "unknown"])
    }

    @Test func whatSupportNeedsIsSpelledAsTheReferenceSays() throws {
        let log = DaemonLogDocument(region: "east", peer: 1, dropped: 3, lines: ["info runs"])
        try expectJSON(
            log, #"{"schema_version": 1, "region": "east", "peer": 1, "dropped": 3, "lines": ["info runs"]}"#)
        #expect(try DaemonLogDocument(json: log.json()) == log)
        let configuration = ConfigurationDocument(
            region: "east", peer: 1, file: "group.json", configuration: ["self": .integer(1)])
        try expectJSON(
            configuration,
            #"{"schema_version": 1, "region": "east", "peer": 1, "file": "group.json", "configuration": {"self": 1}}"#)
        #expect(try ConfigurationDocument(json: configuration.json()) == configuration)
    }

    @Test func nodeosIsSpelledAsTheReferenceSays() throws {
        var nodeos = StatusDocument.Nodeos(
            http: "http://127.0.0.1:8888", reachable: true, condition: "behind", production: "paused")
        nodeos.chainID = "cf05"
        nodeos.head = BlockReference(blockNum: 1030, blockID: "0000")
        nodeos.lastIrreversibleBlockNum = 1029
        nodeos.distance = 4
        nodeos.clockOffsetMS = 6000
        nodeos.problem = "paused: late"
        nodeos.signer = .init(
            publicKey: "EOS1", signed: 3, repeated: 1, refused: ["not_leader": 7], malformed: 0, outstanding: true)
        nodeos.p2p = .init(
            links: [
                .init(
                    number: 1, outside: "10.0.0.9:1", direction: "in", up: true, bytesIn: 5, bytesOut: 6, held: 2,
                    released: 1, queuedBytes: 0)
            ],
            peers: [.init(address: "10.0.0.2:9", linked: false, failures: 4, lastFailure: "refused")], held: 2,
            released: 1, duplicates: 0, dropped: ["above_committed_head": 1])
        var status = status
        status.nodeos = nodeos
        try expectJSON(
            nodeos,
            """
            {"http": "http://127.0.0.1:8888", "reachable": true, "condition": "behind", "production": "paused",
             "chain_id": "cf05", "head": {"block_num": 1030, "block_id": "0000"}, "last_irreversible_block_num": 1029,
             "distance": 4, "clock_offset_ms": 6000, "problem": "paused: late",
             "signer": {"public_key": "EOS1", "signed": 3, "repeated": 1, "refused": {"not_leader": 7}, "malformed": 0,
                        "outstanding": true},
             "p2p": {"links": [{"number": 1, "outside": "10.0.0.9:1", "direction": "in", "up": true, "bytes_in": 5,
                                "bytes_out": 6, "held": 2, "released": 1, "queued_bytes": 0}],
                     "peers": [{"address": "10.0.0.2:9", "linked": false, "failures": 4, "last_failure": "refused"}],
                     "held": 2, "released": 1, "duplicates": 0, "dropped": {"above_committed_head": 1}}}
            """)
        #expect(try StatusDocument(json: status.json()) == status)
    }

    @Test func whatIsNotKnownIsNullAndNotLeftOut() throws {
        var status = status
        status.production.head = nil
        status.peers[0].lastContactMS = nil
        status.peers[0].matchIndex = nil
        status.peers[0].rttMS = nil
        let text = String(decoding: status.json(), as: UTF8.self)
        for field in ["reason", "nodeos", "head", "last_contact_ms", "match_index", "rtt_ms"] {
            #expect(text.contains("\"\(field)\":null"), "\(field) in \(text)")
        }
        #expect(try StatusDocument(json: text) == status)
    }

    @Test func getInfoAndTakeLeadershipHaveExactlyTheFieldsOfTaurus() throws {
        try expectJSON(
            GetInfoDocument(
                isActiveRaftCluster: true, quorumSize: 2, lastCommittedBlockNum: 7, leaderID: -1,
                peers: [.init(id: 1, address: "a:1", listeningPort: 1)]),
            """
            {"is_active_raft_cluster": true, "quorum_size": 2, "last_committed_block_num": 7, "leader_id": -1,
             "peers": [{"id": 1, "address": "a:1", "listening_port": 1}]}
            """)
        try expectJSON(TakeLeadershipDocument(success: true, info: "ok"), #"{"success": true, "info": "ok"}"#)
    }

    @Test func smallDocumentsAreSpelledAsTheReferenceSays() throws {
        let reference = BlockReference(blockNum: 1034, blockID: id1034)
        try expectJSON(
            CanProduceDocument(canProduce: false, reason: .leaseWait, leaseRemainingMS: 12.3456, head: reference),
            """
            {"schema_version": 1, "can_produce": false, "reason": "lease_wait", "lease_remaining_ms": 12.346,
             "head": {"block_num": 1034, "block_id": "\(id1034)"}}
            """)
        try expectJSON(
            CanProduceDocument(canProduce: true, leaseRemainingMS: 700),
            #"{"schema_version":1,"can_produce":true,"reason":null,"lease_remaining_ms":700,"head":null}"#)
        try expectJSON(CommitBlockRequest(block: HexBytes([0, 0xab])), #"{"block": "00ab"}"#)
        try expectJSON(
            CommitBlockDocument(index: 9, term: 2, blockNum: 1034, blockID: id1034),
            #"{"schema_version":1,"index":9,"term":2,"block_num":1034,"block_id":"\#(id1034)"}"#)
        try expectJSON(
            CheckBlockRequest(blockNum: 1, blockID: "aa", previous: "bb"),
            #"{"block_num":1,"block_id":"aa","previous":"bb"}"#)
        try expectJSON(
            CheckBlockDocument(accept: true), #"{"schema_version":1,"accept":true,"reason":null}"#)
        try expectJSON(
            CheckBlockDocument(accept: false, reason: .conflictsWithHead),
            #"{"schema_version":1,"accept":false,"reason":"conflicts_with_head"}"#)
        try expectJSON(
            BlockDocument(blockNum: 1, blockID: "aa", block: HexBytes([1, 2, 3])),
            #"{"schema_version":1,"block_num":1,"block_id":"aa","block":"010203"}"#)
        try expectJSON(
            WaitBlockDocument(blockNum: 1, blockID: "aa"), #"{"schema_version":1,"block_num":1,"block_id":"aa"}"#)
        try expectJSON(TransferRequest(to: 3), #"{"to":3,"operation":null,"who":null,"reason":null}"#)
        try expectJSON(TransferDocument(leaderID: 3, term: 8), #"{"schema_version":1,"leader_id":3,"term":8}"#)
        try expectJSON(
            HealthDocument(healthy: false, reason: .noQuorum),
            #"{"schema_version":1,"healthy":false,"reason":"no_quorum"}"#)
    }

    @Test func whatOperatorsDoIsSpelledAsTheReferenceSays() throws {
        let act = ActDocument(
            operation: "pause-1", who: "alice@bp1", from: "10.0.0.1", reason: "disk",
            at: UTCInstant(unixMilliseconds: 0))
        let actJSON =
            #"{"operation":"pause-1","who":"alice@bp1","from":"10.0.0.1","reason":"disk","at":"1970-01-01T00:00:00.000Z"}"#
        try expectJSON(act, actJSON)
        // A body that says nothing, and one as scripts write it.
        #expect(try RegionRequest(json: "{}") == RegionRequest())
        #expect(try MaintenanceRequest(json: #"{"peer":2,"on":true}"#) == MaintenanceRequest(peer: 2, on: true))
        #expect(try TransferRequest(json: "{}") == TransferRequest())
        try expectJSON(
            RegionRequest(expects: 4, operation: "a", who: "b", reason: "c"),
            """
            {"expects":4,"epoch":null,"state":null,"base":null,"switch":null,"renew":null,"force":null,"given_up":null,"operation":"a",
             "who":"b","reason":"c"}
            """)
        try expectJSON(
            RegionDocument(
                changed: true, epoch: 5, regionActive: true, paused: true, index: 9,
                head: BlockReference(blockNum: 1034, blockID: id1034)),
            """
            {"schema_version":1,"changed":true,"epoch":5,"region_active":true,"state":null,"paused":true,
             "activated_epoch":null,"switch":null,"index":9,
             "head":{"block_num":1034,"block_id":"\(id1034)"}}
            """)
        try expectJSON(
            MaintenanceDocument(changed: false, peer: 2, on: true, index: nil, leaderID: 1),
            #"{"schema_version":1,"changed":false,"peer":2,"on":true,"index":null,"leader_id":1}"#)
        try expectJSON(
            HistoryDocument(
                region: "east",
                entries: [
                    HistoryEntry(
                        index: 7, term: 2, epoch: 3, at: UTCInstant(unixMilliseconds: 0), event: .transfer, peer: 2,
                        act: act, result: .failed, outcome: "peer 1 leads", durationMS: 12)
                ]),
            """
            {"schema_version":1,"region":"east","entries":[{"index":7,"term":2,"epoch":3,"at":"1970-01-01T00:00:00.000Z",
             "event":"transfer","peer":2,"base":null,"given_up":null,"about":null,"act":\(actJSON),"result":"failed","outcome":"peer 1 leads",
             "duration_ms":12}]}
            """)
        for word in HistoryEvent.known { #expect(HistoryEvent(rawValue: word.rawValue) == word) }
        #expect(HistoryEvent(rawValue: "rebase") == .unknown("rebase"))
    }

    @Test func onlyBlocksInTheLogHaveTheFieldsOfABlock() throws {
        let page = LogDocument(
            firstIndex: 1, lastIndex: 2, commitIndex: 2,
            entries: [
                LogEntryDocument(index: 1, term: 1, kind: .noop, size: 0),
                LogEntryDocument(
                    index: 2, term: 1, kind: .block, size: 210,
                    block: .init(
                        number: 5, id: "aa", previous: "bb", producer: "alice",
                        timestamp: UTCInstant(unixMilliseconds: 1_769_903_999_500))),
            ])
        try expectJSON(
            page,
            """
            {"schema_version": 1, "first_index": 1, "last_index": 2, "commit_index": 2, "entries": [
              {"index": 1, "term": 1, "kind": "noop", "size": 0},
              {"index": 2, "term": 1, "kind": "block", "size": 210, "num": 5, "id": "aa", "previous": "bb",
               "producer": "alice", "timestamp": "2026-01-31T23:59:59.500Z"}]}
            """)
        #expect(try LogDocument(json: page.json()) == page)
    }

    @Test func errorsHaveTheFormOfNodeos() throws {
        try expectJSON(
            ErrorDocument(
                CommitBlockReason.notLeader.error, message: "peer 2 leads",
                details: ["leader_id": 2, "nested": ["a": [1, 2.5, nil, true, "x"]]]),
            """
            {"code": 409, "message": "peer 2 leads", "error": {"name": "not_leader",
             "what": "\(CommitBlockReason.notLeader.message)",
             "details": {"leader_id": 2, "nested": {"a": [1, 2.5, null, true, "x"]}}}}
            """)
        let nodeos = try ErrorDocument(
            json: #"{"code":500,"message":"x","error":{"code":3050003,"name":"n","what":"w","details":[{"file":"f"}]}}"#
        )
        #expect(nodeos.error.details == ["details": [["file": "f"]]])
    }

    @Test func aPeerOfANewerVersionIsUnderstood() throws {
        let text = String(decoding: status.json(), as: UTF8.self)
            .replacing("\"role\":\"leader\"", with: "\"role\":\"learner\",\"later\":[1,{\"x\":null}]")
            .replacing("\"reason\":null", with: "\"reason\":\"moon_phase\"")
            .replacing("\"state\":\"replicating\"", with: "\"state\":\"witnessing\"")
            .replacing("\"schema_version\":1", with: "\"schema_version\":2")
        let newer = try StatusDocument(json: text)
        #expect(newer.schemaVersion == 2)
        #expect(newer.raft.role == .unknown("learner"))
        #expect(newer.peers[0].state == .unknown("witnessing"))
        #expect(newer.production.reason == .unknown("moon_phase"))
        #expect(newer.production.reason?.message.contains("moon_phase") == true)
        #expect(String(decoding: newer.json(), as: UTF8.self).contains("\"moon_phase\""))
        #expect(CommitBlockReason(rawValue: "later").outcome == .unknown)
    }

    @Test func aPeerOfAnOlderVersionIsUnderstood() throws {
        let older = try CanProduceDocument(json: #"{"can_produce":false,"lease_remaining_ms":0}"#)
        #expect(older.schemaVersion == 1 && older.reason == nil && older.head == nil)
    }

    @Test func aBrokenDocumentIsRefusedByTheNameOfItsField() {
        let cases: [(String, String)] = [
            ("", "it is not JSON"), ("nonsense", "it is not JSON"), ("{\"block\":", "it is not JSON"),
            ("[]", "the document has the wrong type"), ("{}", "block is missing"),
            ("{\"block\":null}", "block is null"), ("{\"block\":5}", "block has the wrong type"),
            ("{\"block\":\"abc\"}", "block: the hex has 3 digits, which is no whole number of bytes"),
            ("{\"block\":\"ab0x\"}", "block: 'x' at position 3 is not a hex digit"),
        ]
        for (json, what) in cases {
            let error = #expect(throws: MalformedDocument.self) { try CommitBlockRequest(json: json) }
            #expect(error?.what == what)
        }
        let error = #expect(throws: MalformedDocument.self) {
            try GetInfoDocument(
                json: """
                    {"is_active_raft_cluster": true, "quorum_size": 2, "last_committed_block_num": 7, "leader_id": -1,
                     "peers": [{"id": 1, "address": "a:1"}]}
                    """)
        }
        #expect(error?.what == "peers[0].listening_port is missing")
    }

    /// The message once quoted an instant as it was.
    @Test func whatIsWrongStaysOnItsLine() throws {
        for text in ["20\\n\\u001b[2J\\u202e", String(repeating: "9", count: 9999)] {
            let json = """
                {"first_index": 1, "last_index": 1, "commit_index": 1, "entries": [{"index": 1, "term": 1, "size": 1,
                 "kind": "block", "num": 1, "id": "", "previous": "", "producer": "", "timestamp": "\(text)"}]}
                """
            let error = try #require(throws: MalformedDocument.self) { try LogDocument(json: json) }
            #expect(error.what.hasPrefix("entries[0].timestamp: "))
            #expect(error.what.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
            #expect(error.what.utf8.count < 500)
        }
    }
}

@Suite struct ReasonTests {
    @Test func reasonsAreTheReferencesAndEachSaysWhatToDo() {
        #expect(
            CanProduceReason.known.map(\.rawValue) == [
                "not_leader", "no_leader", "no_quorum", "lease_expired", "lease_wait", "term_not_applied",
                "region_standby", "region_paused", "region_unconfirmed", "regions_in_conflict", "nodeos_unreachable",
                "nodeos_behind", "nodeos_diverged", "nodeos_wrong_chain", "nodeos_clock_off", "nodeos_paused",
                "nodeos_signer_failed",
                "draining",
                "shutting_down",
            ])
        let commit = Set(CommitBlockReason.known.map(\.rawValue))
        #expect(
            commit.isSuperset(of: [
                "not_leader", "no_quorum", "lease_expired", "region_standby", "region_paused", "conflicts_with_head",
                "unlinkable", "stale", "leadership_lost", "lease_wait", "term_not_applied", "draining", "overloaded",
            ]))
        let messages =
            CanProduceReason.known.map(\.message) + CommitBlockReason.known.map(\.message)
            + CheckBlockReason.known.map(\.message) + ErrorKind.catalogue.map(\.what)
        for message in messages { #expect(message.hasSuffix(".") && message.count > 20, "\(message)") }
    }

    /// A block said to be lost that is committed later, or the reverse, would be the worst of lies.
    @Test func onlyLostLeadershipLeavesTheOutcomeOpen() {
        for reason in CommitBlockReason.known {
            #expect((reason.outcome == .unknown) == (reason == .leadershipLost))
            #expect(reason.message.contains("unknown") == (reason == .leadershipLost))
            #expect(reason.error.status == 409)
        }
    }

    @Test func everyNameOfTheCatalogueMeansOneThing() {
        let seen = Dictionary(grouping: ErrorKind.catalogue, by: { "\($0.name) \($0.status)" })
        for (name, kinds) in seen where kinds.count > 1 {
            #expect(["not_leader 409", "no_quorum 409"].contains(name), "\(name) is there twice")
        }
        for kind in ErrorKind.catalogue { #expect((400...599).contains(kind.status)) }
    }
}

@Suite struct CommitBlockBodyTests {
    private func read(_ text: String) throws -> [UInt8] {
        try Array(text.utf8).withUnsafeBytes { try CommitBlockRequest(body: $0) }.block.bytes
    }

    /// The short way must accept and refuse what the general one does.
    @Test func theShortWayReadsWhatJSONReads() throws {
        for text in [
            #"{"block":"00ab"}"#, " \n{\t\"block\" :\r\n \"00AB\" }\n", #"{"block":"00ab","more":{"x":"}"}}"#,
            #"{"more":1,"block":"00ab"}"#, #"{"block":"\u0030\u0030ab"}"#,
        ] {
            #expect(try read(text) == [0, 0xab], "\(text)")
        }
        #expect(try read(#"{"block":""}"#) == [])
        for text in [
            "", "{", "}", "\"", "{\"block\":\"}", "{\"block\":\"", "{\"block\":}", #"{"block":"00ab""#,
            #"{"block":"00ab"}}"#,
            #"{"block":"0"}"#, #"{"block":"0g"}"#, #"{"Block":"00"}"#, #"{"block":"00"} x"#, #"{"block":"00","a":"b"#,
        ] {
            #expect(throws: MalformedDocument.self, "\(text)") { try read(text) }
        }
    }

    /// Its answer is made without the encoder.
    @Test(arguments: [0, 1, UInt64(UInt32.max), .max])
    func aCommitIsAnsweredAsTheEncoderWould(number: UInt64) throws {
        let document = CommitBlockDocument(
            index: number, term: number / 2, blockNum: UInt32(truncatingIfNeeded: number), blockID: id1034)
        func encoded(_ document: some Document) -> [UInt8] { document.json() }
        #expect(document.json() == encoded(document))
        #expect(try CommitBlockDocument(json: document.json()) == document)
    }
}
