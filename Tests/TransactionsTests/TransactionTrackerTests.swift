// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Raft
import Testing

@testable import Transactions

@Suite struct HandOverTests {
    @Test func oneIsGivenToTheLeaderAndToNobodyWhileThereIsNone() {
        let stage = Stage()
        #expect(stage.handIn(1, trx(1)) == [])
        #expect(stage.step(.leader(stage.leader(2))) == [stage.send(1, to: 2, trx(1))])
        #expect(stage.step(.leader(stage.leader(2))) == [])
        #expect(stage.handIn(2, trx(2)) == [stage.send(2, to: 2, trx(2))])
    }

    @Test func whoWaitsForACommitIsNotAnsweredByAnExecution() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1))
        #expect(stage.step(.outcome(1, executed(1))) == [])
        let place = stage.place(10, 1)
        #expect(
            stage.commit(10, [1]) == [
                .answer(1, .committed(place, reply: executedReply(1))), .ended(id(1), .committed, after: .zero),
            ])
        #expect(stage.tracker.waiting == 0 && stage.tracker.counters.committed == 1)
        #expect(stage.tracker.fate(of: id(1)) == .committed(place))
    }

    @Test func whoWaitsForAnExecutionIsAnsweredAsNodeosAnsweredAndTheTransactionGoesOn() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1), wait: .executed)
        #expect(stage.step(.outcome(1, executed(1))) == [.answer(1, .nodeos(executedReply(1)))])
        #expect(stage.tracker.waiting == 1)
        #expect(stage.sends(stage.step(.leader(stage.leader(3)))) == [1])
        // And another that comes later need not wait.
        #expect(stage.handIn(2, trx(1), wait: .executed) == [.answer(2, .nodeos(executedReply(1)))])
    }

    @Test func aBlockThatIsCommittedBeforeNodeosAnswersCounts() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1))
        #expect(stage.answers(stage.commit(10, [1])) == [1: .committed(stage.place(10, 1), reply: nil)])
        #expect(stage.step(.outcome(1, executed(1))) == [])
    }

    @Test func aRefusalGoesBackAtOnceAsItIs() {
        for status in [400, 500, 503, 202] {
            let stage = Stage(leader: 2)
            stage.handIn(1, trx(1))
            let no = refusal(status)
            #expect(
                stage.step(.outcome(1, .answered(no))) == [
                    .answer(1, .nodeos(no)), .ended(id(1), .rejected, after: .zero),
                ])
            #expect(stage.tracker.waiting == 0 && stage.tracker.waitingBytes == 0)
        }
    }

    @Test func aDuplicateIsNoFailure() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1))
        #expect(stage.step(.outcome(1, .answered(duplicate))) == [])
        #expect(stage.answers(stage.commit(10, [1])) == [1: .committed(stage.place(10, 1), reply: nil)])
    }

    @Test func aTransactionThatIsCommittedAlreadyIsAnsweredFromTheIndex() {
        let stage = Stage(leader: 2)
        stage.commit(10, [1])
        #expect(stage.handIn(1, trx(1)) == [.answer(1, .committed(stage.place(10, 1), reply: nil))])
        #expect(stage.handIn(2, trx(1), wait: .executed) == [.answer(2, .committed(stage.place(10, 1), reply: nil))])
    }

    @Test func twoClientsWithOneBodyShareAHandOverAndOthersDoNot() {
        let stage = Stage(leader: 2)
        #expect(stage.sends(stage.handIn(1, trx(1))) == [1])
        #expect(stage.sends(stage.handIn(2, trx(1))) == [])
        // Other signatures: nodeos may say no to these.
        #expect(stage.sends(stage.handIn(3, trx(1), body: [9])) == [1])
        #expect(stage.answers(stage.step(.outcome(2, .answered(refusal(500))))) == [3: .nodeos(refusal(500))])
        stage.step(.outcome(1, executed(1)))
        let answer = TransactionTracker.Answer.committed(stage.place(10, 1), reply: executedReply(1))
        #expect(stage.answers(stage.commit(10, [1])) == [1: answer, 2: answer])
    }

    @Test func anIDThatOnlyNodeosKnowsIsLearnt() {
        let stage = Stage(leader: 2)
        stage.handIn(1, nil, body: [7])
        stage.step(.outcome(1, executed(1)))
        #expect(stage.answers(stage.commit(10, [1])).keys.sorted() == [1])

        // The block may be there before the answer.
        stage.handIn(2, nil, body: [8])
        stage.commit(11, [2])
        #expect(
            stage.answers(stage.step(.outcome(2, executed(2)))) == [
                2: .committed(stage.place(11, 2), reply: executedReply(2))
            ])

        // Without an id there is nothing to wait for.
        stage.handIn(3, nil, body: [9])
        #expect(stage.answers(stage.step(.outcome(3, .answered(duplicate)))) == [3: .nodeos(duplicate)])
    }

    @Test func nodeossIDIsBelievedAgainstTheBodys() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1))
        stage.step(.outcome(1, executed(2)))
        #expect(stage.answers(stage.commit(10, [1])) == [:])
        #expect(stage.answers(stage.commit(11, [2])).keys.sorted() == [1])
    }

    @Test func oneThatIsNotTakenIsTriedAgainAloneAndThenAllAre() {
        let stage = Stage(leader: 2)
        for number in 1...4 { stage.handIn(UInt64(number), trx(UInt64(number))) }
        for attempt: UInt64 in 1...4 { #expect(stage.step(.outcome(attempt, .notTaken("not yet"))) == []) }
        #expect(stage.tracker.nextWake == stage.now + .milliseconds(20))
        stage.wait(.milliseconds(19))
        #expect(stage.step(.tick) == [])
        stage.wait(.milliseconds(1))
        #expect(stage.sends(stage.step(.tick)).count == 1)
        // Not yet again: twice as long.
        #expect(stage.step(.outcome(5, .notTaken("not yet"))) == [])
        #expect(stage.tracker.nextWake == stage.now + .milliseconds(40))
        stage.wait(.milliseconds(40))
        #expect(stage.sends(stage.step(.tick)).count == 1)
        #expect(stage.sends(stage.step(.outcome(6, .answered(duplicate)))).count == 3)
    }

    @Test func onlySoManyAreOnTheirWayAtOnce() {
        var bounds = TransactionTracker.Bounds()
        bounds.attempts = 3
        let stage = Stage(leader: 2, bounds: bounds)
        let sent = (1...5).map { stage.sends(stage.handIn($0, trx($0))).count }
        #expect(sent == [1, 1, 1, 0, 0])
        #expect(stage.sends(stage.step(.outcome(2, executed(2)))) == [4])
        // That a block was faster does not end a call.
        stage.commit(10, [1])
        #expect(stage.sends(stage.step(.tick)) == [])
        #expect(stage.sends(stage.step(.outcome(1, executed(1)))) == [5])
    }

    @Test func oneThatNoBlockHoldsIsGivenToTheSameLeaderAgain() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1), timeout: .seconds(300))
        stage.step(.outcome(1, executed(1)))
        for (seconds, attempt) in [(3, UInt64(2)), (6, 3), (12, 4), (24, 5), (24, 6)] {
            stage.wait(.seconds(seconds) - .milliseconds(1))
            #expect(stage.step(.tick) == [])
            stage.wait(.milliseconds(1))
            #expect(stage.step(.tick) == [stage.send(attempt, to: 2, trx(1))], "after \(seconds) s")
            #expect(stage.step(.outcome(attempt, .answered(duplicate))) == [])
        }
        // The first trace is kept.
        let answer = TransactionTracker.Answer.committed(stage.place(10, 1), reply: executedReply(1))
        #expect(stage.answers(stage.commit(10, [1])) == [1: answer])
        #expect(stage.tracker.counters.repeated == 5)
    }

    @Test func oneOfWhichNobodyKnowsWhetherNodeosHasItIsGivenAgainSoon() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1))
        #expect(stage.step(.outcome(1, .unknown("closed"))) == [])
        stage.wait(.milliseconds(250))
        #expect(stage.sends(stage.step(.tick)) == [1])
    }
}

@Suite struct LeaderChangeTests {
    @Test func allThatWaitAreGivenToTheNewLeaderInTheirOrder() {
        let stage = Stage(leader: 2)
        for number: UInt64 in 1...4 { stage.handIn(number, trx(number)) }
        stage.step(.outcome(1, executed(1)))
        stage.step(.outcome(2, .unknown("closed")))
        stage.step(.outcome(3, .notTaken("no")))
        #expect(stage.step(.leader(nil)) == [])
        let actions = stage.step(.leader(stage.leader(3)))
        #expect(stage.sends(actions) == [1, 2, 3, 4])
        #expect(actions.contains(.givenAgain(3, stage.leader(3))))
    }

    @Test func aNewTermOfTheSameLeaderIsAnotherLeader() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1))
        stage.step(.outcome(1, executed(1)))
        #expect(stage.sends(stage.step(.leader(.init(peer: PeerID(2), term: 9)))) == [1])
    }

    @Test func whatAnEarlierLeaderSaysLateIsNoRefusal() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1))
        stage.step(.leader(stage.leader(3)))
        #expect(stage.step(.outcome(1, .answered(refusal(500)))) == [])
        for block: UInt32 in 10...14 { #expect(stage.commit(block, []) == []) }
        #expect(stage.step(.outcome(2, executed(1))) == [])
        #expect(stage.answers(stage.commit(15, [1])).count == 1)
    }

    @Test func theTraceOfAnEarlierLeaderIsKeptWhenTheNewOneHasIt() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1))
        stage.step(.leader(stage.leader(3)))
        stage.step(.outcome(1, executed(1)))
        stage.step(.outcome(2, .answered(duplicate)))
        let answer = TransactionTracker.Answer.committed(stage.place(10, 1), reply: executedReply(1))
        #expect(stage.answers(stage.commit(10, [1])) == [1: answer])
    }

    @Test func callsToAnEarlierLeaderThatHangTakeNoRoom() {
        var bounds = TransactionTracker.Bounds()
        bounds.attempts = 2
        let stage = Stage(leader: 2, bounds: bounds)
        stage.handIn(1, trx(1))
        stage.handIn(2, trx(2))
        #expect(stage.sends(stage.step(.leader(stage.leader(3)))) == [1, 2])
    }

    /// The earlier leader's block may still be committed.
    @Test func aRefusalByTheNewLeaderIsFinalOnlyAfterTwoBlocks() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1))
        stage.step(.outcome(1, executed(1)))
        stage.step(.leader(stage.leader(3)))
        #expect(stage.step(.outcome(2, .answered(refusal(500)))) == [])
        #expect(stage.commit(10, []) == [])
        #expect(stage.answers(stage.commit(11, [])) == [1: .nodeos(refusal(500))])
    }

    @Test func aBlockThatHoldsItBeatsARefusal() {
        for last: UInt32 in 10...11 {
            let stage = Stage(leader: 2)
            stage.handIn(1, trx(1))
            stage.step(.outcome(1, executed(1)))
            stage.step(.leader(stage.leader(3)))
            stage.step(.outcome(2, .answered(refusal(500))))
            if last == 11 { stage.commit(10, []) }
            let answer = TransactionTracker.Answer.committed(stage.place(last, 1), reply: executedReply(1))
            #expect(stage.answers(stage.commit(last, [1])) == [1: answer])
        }
    }

    @Test func aRefusalIsForgottenWhenAnotherLeads() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1))
        stage.step(.outcome(1, executed(1)))
        stage.step(.leader(stage.leader(3)))
        stage.step(.outcome(2, .answered(refusal(500))))
        stage.step(.leader(stage.leader(2)))
        #expect(stage.commit(10, []) == [] && stage.commit(11, []) == [])
        #expect(stage.tracker.waiting == 1)
    }
}

@Suite struct ExpiryTests {
    @Test func oneThatIsTooOldWhenItComesIsNodeossBusiness() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1))
        #expect(stage.answers(stage.step(.outcome(1, .answered(tooOld)))) == [1: .nodeos(tooOld)])
    }

    @Test func itIsExpiredOnceABlockIsLaterAndNotBefore() {
        let stage = Stage(leader: 2)
        stage.commit(2, [])
        stage.handIn(1, trx(1, expires: stage.time(10)))
        stage.step(.outcome(1, executed(1)))
        stage.step(.leader(stage.leader(3)))
        // nodeos's clock decides nothing.
        #expect(stage.step(.outcome(2, .answered(tooOld))) == [])
        #expect(stage.commit(10, []) == [])
        let fate = TransactionTracker.Expired(
            id: id(1), expiration: stage.time(10), passedBy: stage.reference(11), since: stage.reference(2))
        #expect(
            stage.commit(11, []) == [.answer(1, .expired(fate)), .ended(id(1), .expired, after: .zero)])
        #expect(stage.tracker.fate(of: id(1)) == .expired(fate))
        // Whoever comes with it again is told so.
        #expect(stage.handIn(2, trx(1, expires: stage.time(10))) == [.answer(2, .expired(fate))])
    }

    @Test func aBlockAtItsExpirationMayHoldIt() {
        let stage = Stage(leader: 2)
        stage.commit(2, [])
        stage.handIn(1, trx(1, expires: stage.time(10)))
        #expect(stage.answers(stage.commit(10, [1])) == [1: .committed(stage.place(10, 1), reply: nil)])
    }

    @Test func withoutALeaderItExpiresByTheFirstBlockOfTheNextOne() {
        let stage = Stage()
        stage.commit(2, [])
        stage.handIn(1, trx(1, expires: stage.time(10)), timeout: .seconds(300))
        stage.wait(.seconds(200))
        #expect(stage.step(.tick) == [])
        #expect(stage.answers(stage.commit(400, [])).count == 1)
        guard case .expired = stage.tracker.fate(of: id(1)) else {
            Issue.record("\(stage.tracker.fate(of: id(1)))")
            return
        }
    }

    @Test func blocksThatAreNotKnownMayHoldIt() {
        // The blocks that are known begin at 1000, and are no older than a transaction may be.
        let stage = Stage(leader: 2)
        stage.commit(1000, [])
        stage.handIn(1, trx(1, expires: stage.time(1010)))
        stage.step(.outcome(1, .answered(duplicate)))
        #expect(stage.commit(1011, []) == [])
        stage.wait(.seconds(30))
        let unknown = stage.answers(stage.step(.tick))[1]
        guard case .unknown(let facts) = unknown else {
            Issue.record("\(String(describing: unknown))")
            return
        }
        #expect(facts.blocks == .init(first: stage.reference(1000), last: stage.reference(1011)))
        #expect(facts.id == id(1) && facts.mayBeHandedIn && !facts.isShuttingDown)
        #expect(
            stage.tracker.fate(of: id(1))
                == .unknown(blocks: .init(first: stage.reference(1000), last: stage.reference(1011))))
    }

    @Test func aNodeosThatExecutedItDidNotHaveItBefore() {
        let stage = Stage(leader: 2)
        stage.commit(1000, [])
        stage.handIn(1, trx(1, expires: stage.time(1010)))
        stage.step(.outcome(1, executed(1)))
        #expect(stage.answers(stage.commit(1011, [])).count == 1)
    }

    @Test func afterAGapNobodyKnows() {
        for isGap in [true, false] {
            let stage = Stage(leader: 2)
            stage.commit(2, [])
            stage.handIn(1, trx(1, expires: stage.time(1010)))
            stage.step(.outcome(1, executed(1)))
            if isGap {
                stage.step(.gap)
            } else {
                stage.step(.committed(CommittedBlock(stage.reference(500), receipts: [], isWhole: false)))
            }
            stage.commit(1005, [])
            #expect(stage.answers(stage.commit(1011, [])) == [:], "gap \(isGap)")
            #expect(stage.tracker.index.first == stage.reference(1005))
        }
    }

    /// Another region went on without the last blocks: what they hold, or let expire, may come in its blocks, or never.
    @Test func ofWhatIsLeftBehindNothingIsKnown() {
        for isLeftBehind in [true, false] {
            let stage = Stage(leader: 2)
            stage.commit(2, [])
            stage.handIn(1, trx(1, expires: stage.time(1010)))
            stage.handIn(2, trx(2, expires: stage.time(1200)))
            stage.step(.outcome(1, executed(1)))
            stage.commit(1009, [2])
            stage.commit(1011, [])
            guard case .expired = stage.tracker.fate(of: id(1)), case .committed = stage.tracker.fate(of: id(2)) else {
                Issue.record("\(stage.tracker.fate(of: id(1))), \(stage.tracker.fate(of: id(2)))")
                return
            }
            stage.step(isLeftBehind ? .leftBehind : .gap)
            #expect(stage.tracker.fate(of: id(2)) == .unknown(blocks: nil))
            if isLeftBehind {
                #expect(stage.tracker.fate(of: id(1)) == .unknown(blocks: nil))
            } else if case .expired = stage.tracker.fate(of: id(1)) {
            } else {
                Issue.record("blocks that are missing do not undo what was known")
            }
            stage.commit(1020, [])
            #expect(stage.tracker.index.first == stage.reference(1020))
        }
    }

    @Test func blocksSinceBeforeTheLongestLifetimeSuffice() {
        // 3600 s are 7200 blocks.
        for (first, ends) in [(UInt32(2810), true), (2812, false)] {
            let stage = Stage(leader: 2)
            stage.commit(first, [])
            stage.handIn(1, trx(1, expires: stage.time(10_010)))
            #expect(stage.answers(stage.commit(10_011, [])).count == (ends ? 1 : 0), "from \(first)")
        }
    }

    @Test func whereOthersMakeBlocksTooNobodyKnows() {
        let stage = Stage(leader: 2)
        stage.tracker.isSole = false
        stage.commit(2, [])
        stage.handIn(1, trx(1, expires: stage.time(10)))
        stage.step(.outcome(1, executed(1)))
        #expect(stage.commit(11, []) == [])
        stage.wait(.seconds(30))
        guard case .unknown = stage.answers(stage.step(.tick))[1] else {
            Issue.record("it is not unknown")
            return
        }
        #expect(stage.tracker.waiting == 0)
    }
}

@Suite struct WaitingTests {
    @Test func afterItsDeadlineAClientIsToldThatNothingIsKnownAndTheTransactionGoesOn() {
        let stage = Stage(leader: 2)
        stage.commit(2, [])
        stage.handIn(1, trx(1), timeout: .seconds(1))
        stage.step(.outcome(1, .notTaken("peer 2 does not produce now: lease_wait")))
        stage.step(.leader(nil))
        stage.wait(.milliseconds(999))
        #expect(stage.step(.tick) == [])
        stage.wait(.milliseconds(1))
        let blocks = TransactionTracker.ClosedReferences(first: stage.reference(2), last: stage.reference(2))
        let unknown = TransactionTracker.Unknown(
            id: id(1), expiration: farOff, mayBeHandedIn: false, trouble: "peer 2 does not produce now: lease_wait",
            blocks: blocks, isShuttingDown: false)
        #expect(stage.step(.tick) == [.answer(1, .unknown(unknown))])
        #expect(
            stage.tracker.fate(of: id(1)) == .waiting(mayBeHandedIn: false, expiration: farOff, blocks: blocks))
        #expect(stage.sends(stage.step(.leader(stage.leader(3)))) == [1])
        #expect(stage.commit(10, [1]) == [.ended(id(1), .committed, after: .seconds(1))])
        #expect(stage.tracker.fate(of: id(1)) == .committed(stage.place(10, 1)))
    }

    @Test func aClientThatGoesAwayFreesItsPlaceAndTheTransactionGoesOn() {
        var bounds = TransactionTracker.Bounds()
        bounds.waiting = 2
        let stage = Stage(leader: 2, bounds: bounds)
        stage.handIn(1, trx(1))
        stage.handIn(2, trx(1))
        guard case .overloaded? = stage.answers(stage.handIn(3, trx(1)))[3] else {
            Issue.record("a third client waits")
            return
        }
        #expect(stage.step(.gone(1)) == [])
        #expect(stage.handIn(4, trx(1)) == [])
        stage.step(.gone(2))
        stage.step(.gone(4))
        #expect(stage.tracker.waiting == 1)
        #expect(stage.sends(stage.step(.leader(stage.leader(3)))) == [1])
        #expect(stage.commit(10, [1]) == [.ended(id(1), .committed, after: .zero)])
    }

    @Test func withoutAClientAndAnIDThereIsNothingToWaitFor() {
        let stage = Stage(leader: 2)
        stage.handIn(1, nil, body: [1])
        stage.step(.gone(1))
        #expect(stage.tracker.waiting == 0 && stage.tracker.waitingBytes == 0)
        stage.handIn(2, nil, body: [2], timeout: .seconds(1))
        stage.wait(.seconds(1))
        #expect(stage.answers(stage.step(.tick)).count == 1)
        #expect(stage.tracker.waiting == 0)
    }

    @Test func moreThanTheBoundsIsTurnedAwayAndHadNoEffect() {
        var bounds = TransactionTracker.Bounds()
        (bounds.waiting, bounds.bytes) = (2, 10)
        let stage = Stage(leader: 2, bounds: bounds)
        stage.handIn(1, trx(1), body: [1, 1, 1, 1, 1, 1])
        #expect(stage.handIn(2, trx(2), body: [2, 2, 2, 2, 2]) == [.answer(2, .overloaded(waiting: 1, bytes: 6))])
        stage.handIn(3, trx(3), body: [3])
        #expect(stage.handIn(4, trx(4), body: [4]) == [.answer(4, .overloaded(waiting: 2, bytes: 7))])
        #expect(stage.tracker.counters.overloaded == 2 && stage.tracker.counters.handedIn == 2)
        stage.commit(10, [1])
        #expect(stage.answers(stage.handIn(5, trx(5), body: [5])) == [:])
    }

    @Test func answersThatAreTooManyAreNotKept() {
        var bounds = TransactionTracker.Bounds()
        bounds.replyBytes = executedReply(1).body.count + 10
        let stage = Stage(leader: 2, bounds: bounds)
        stage.handIn(1, trx(1))
        stage.handIn(2, trx(2))
        stage.step(.outcome(1, executed(1)))
        stage.step(.outcome(2, executed(2)))
        #expect(
            stage.answers(stage.commit(10, [1, 2])) == [
                1: .committed(stage.place(10, 1), reply: executedReply(1)),
                2: .committed(stage.place(10, 2, at: 1), reply: nil),
            ])
        // Its room is free again.
        stage.handIn(3, trx(3))
        stage.step(.outcome(3, executed(3)))
        #expect(
            stage.answers(stage.commit(11, [3])) == [3: .committed(stage.place(11, 3), reply: executedReply(3))])
    }

    @Test func everyoneIsAnsweredAtTheEnd() {
        let stage = Stage(leader: 2)
        stage.handIn(1, trx(1))
        stage.handIn(2, trx(2), wait: .executed)
        stage.step(.outcome(1, executed(1)))
        let answers = stage.answers(stage.step(.shutDown))
        #expect(answers.keys.sorted() == [1, 2])
        for answer in answers.values {
            guard case .unknown(let facts) = answer, facts.isShuttingDown else {
                Issue.record("\(answer)")
                continue
            }
        }
        guard case .overloaded? = stage.answers(stage.handIn(3, trx(3)))[3] else {
            Issue.record("one more is taken")
            return
        }
    }

    @Test func timersOfThoseWhoAreGoneAreNotKept() {
        var bounds = TransactionTracker.Bounds()
        bounds.waiting = 10
        let stage = Stage(leader: 2, bounds: bounds)
        for number: UInt64 in 1...10_000 {
            stage.handIn(number, trx(number), timeout: .seconds(300))
            stage.step(.outcome(number, executed(number)))
            stage.commit(UInt32(number), [number])
        }
        #expect(stage.tracker.alarmCount <= 4 * 10 + 1)
        #expect(stage.tracker.waiting == 0)
    }
}
