// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import Harness

extension Acceptance {
    /// The checkers see what they are there to see.
    @Suite struct CheckerTests {
        private func yes(_ peer: Int, term: Int, at instant: Int, remaining: Int = 100) -> LeaseWatch.Yes {
            let sent = Self.start + .milliseconds(instant)
            return LeaseWatch.Yes(
                peer: peer, term: term, sent: sent, received: sent + .milliseconds(2),
                remaining: .milliseconds(remaining))
        }

        private static let start = ContinuousClock.now

        @Test func leasesOneAfterTheOtherPass() throws {
            try LeaseWatch.check([
                yes(1, term: 1, at: 0), yes(1, term: 1, at: 50), yes(2, term: 3, at: 150), yes(1, term: 4, at: 300),
            ])
        }

        @Test func leasesThatOverlapAreFound() {
            #expect(throws: Violation.self) {
                try LeaseWatch.check([yes(1, term: 1, at: 0), yes(2, term: 1, at: 500)])
            }
            #expect(throws: Violation.self) { try LeaseWatch.check([yes(1, term: 1, at: 0), yes(2, term: 2, at: 90)]) }
            #expect(throws: Violation.self) {
                try LeaseWatch.check([
                    yes(1, term: 1, at: 0), yes(2, term: 2, at: 200), yes(1, term: 1, at: 203, remaining: 0),
                ])
            }
        }

        @Test func aHeightThatIsAcknowledgedTwiceIsFound() throws {
            let ledger = Ledger()
            var chain = try Chain()
            let (block, rival) = (try chain.candidate(), try chain.candidate())
            func answer(_ block: Block) -> Response {
                let text = #"{"index": 1, "term": 1, "block_num": \#(block.number), "block_id": "\#(block.id)"}"#
                return Response(status: 200, headers: [:], body: Array(text.utf8))
            }
            try ledger.acknowledge(block, answer(block))
            try ledger.acknowledge(block, answer(block))
            #expect(throws: Violation.self) { try ledger.acknowledge(rival, answer(rival)) }
            #expect(throws: Violation.self) { try ledger.acknowledge(block, answer(rival)) }
            #expect(ledger.acknowledged == [block.number: block.id])
        }
    }
}
