// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Testing

@testable import Gate

/// A nodeos as the permit knows it: one signing call at a time, a chain, and an own head that may never be committed.
/// Calls time out, answers come late, either side restarts, leaders come and go.
private struct Bench {
    struct Block: Equatable {
        var id: BlockID
        /// nil: another peer's.
        var signature: Signature?
    }

    struct Call {
        var digest: Checksum256
        var connection: SignaturePermit.Connection
        /// nil: it is being signed.
        var decision: SignaturePermit.Decision?
    }

    var random: Numbers
    var permit = SignaturePermit()
    var committed: [Block] = []
    var chain: [Block] = []
    var call: Call?
    var connection: SignaturePermit.Connection = 1
    var leads = false
    /// The latest ones: an earlier one may be asked for again.
    var digests: [Checksum256] = []
    var questions: [SignaturePermit.Question] = []
    var answers: [(question: SignaturePermit.Question, head: BlockID?)] = []
    /// What the signer works on; its answer finds the call that it was for, or nobody.
    var signing: Call?
    var wrong: String?
    var made = 0
    var freedByNodeos = 0
    var freedByPause = 0

    /// Own blocks that nodeos has above what it shares with the group.
    var uncommitted: Int {
        var shared = 0
        while shared < min(chain.count, committed.count), chain[shared] == committed[shared] { shared += 1 }
        return chain.count - shared
    }

    init(seed: UInt64) {
        random = Numbers(state: seed)
        commitForeign()
        chain = committed
    }

    mutating func fresh() -> Checksum256 {
        Checksum256((0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }) ?? .zero
    }

    mutating func commitForeign() {
        committed.append(Block(id: BlockID(fresh()), signature: nil))
    }

    mutating func step() {
        switch Int.random(in: 0..<20, using: &random) {
        case 0...2: request()
        case 3...4, 19: deliverAnswer()
        case 5:
            guard Int.random(in: 0..<6, using: &random) == 0 else { return }
            loseCall()
            // A restart, after which it may have less than it had.
            if Int.random(in: 0..<4, using: &random) == 0, chain.count > 2 { chain.removeLast() }
        case 6 where Int.random(in: 0..<12, using: &random) == 0:
            // prodha restarts. What it has answered may be on its way.
            connection += 1
            if call?.decision == nil { call = nil }
            permit = SignaturePermit()
            signing = nil
            questions = []
            answers = []
        case 7, 14: if permit.wantsQuestion { questions.append(permit.ask()) }
        case 8, 15:
            // Later versions answer while they wait for a signature.
            guard !questions.isEmpty else { return }
            let question = questions.removeFirst()
            answers.append((question, Int.random(in: 0..<8, using: &random) == 0 ? nil : chain.last?.id))
        case 9, 16:
            guard !answers.isEmpty else { return }
            let answer = answers.remove(at: Int.random(in: 0..<answers.count, using: &random))
            let before = permit.outstanding
            permit.answered(answer.question, head: answer.head, committed: committed.last?.id)
            if before != nil && permit.outstanding == nil { freedByNodeos += 1 }
        case 10, 17, 18: commitOwn()
        case 11:
            if leads {
                leads = Int.random(in: 0..<20, using: &random) > 0
            } else if chain == committed {
                leads = true
            }
        case 12: if !leads, Int.random(in: 0..<3, using: &random) == 0 { commitForeign() }
        // Fed while it is paused: no call is under way.
        case 13:
            if !leads, call == nil { chain = committed }
            forget()
            if !leads, call == nil, signing == nil, chain == committed, Int.random(in: 0..<4, using: &random) == 0 {
                if !permit.takesAnyConnection { freedByPause += 1 }
                permit.confirmedPaused()
            }
        default: break
        }
    }

    /// What both have for good need not be kept.
    private mutating func forget() {
        guard chain == committed, chain.count > 20 else { return }
        chain = chain.suffix(2)
        committed = chain
    }

    mutating func request() {
        guard call == nil else { return }
        let isRepeat = Int.random(in: 0..<3, using: &random) == 0
        let digest = isRepeat ? digests.randomElement(using: &random) ?? fresh() : fresh()
        digests = digests.suffix(2) + [digest]
        let tookAny = permit.takesAnyConnection
        let decision = permit.request(digest, on: connection, obstacle: leads ? nil : "not_leader")
        call = Call(digest: digest, connection: connection, decision: decision)
        guard case .sign = decision else { return }
        if chain != committed, !(tookAny && chain.count < committed.count) {
            wrong = "signs on a head that is not the committed one"
        }
        call?.decision = nil
        signing = call
    }

    mutating func finishSigning() {
        guard let signed = signing else { return }
        signing = nil
        let givesUp = Int.random(in: 0..<6, using: &random) == 0
        if givesUp { permit.gaveUp(signed.digest) } else { permit.signed(signed.digest, signature(of: signed.digest)) }
        guard let call, call.connection == signed.connection, call.decision == nil else { return }
        self.call?.decision = givesUp ? .refuse(.busy) : .sign
    }

    func signature(of digest: Checksum256) -> Signature { Signature(k1: [31] + digest.bytes + digest.bytes) ?? .zero }

    mutating func deliverAnswer() {
        finishSigning()
        guard let answered = call, let decision = answered.decision else { return }
        call = nil
        switch decision {
        case .sign, .again:
            // The same digest is the same block: on the same parent it is made once.
            let block = Block(
                id: BlockID(answered.digest), signature: signature(of: answered.digest))
            guard !chain.contains(block) else { return }
            chain.append(block)
            made += 1
        case .refuse: break
        }
    }

    /// A time-out of nodeos, a restart, or a lost connection.
    mutating func loseCall() {
        call = nil
        connection += 1
    }

    /// The group commits nodeos's own block, by this leader or by a later one that has it in its log.
    mutating func commitOwn() {
        guard chain.count == committed.count + 1, chain.dropLast().elementsEqual(committed), let block = chain.last,
            let signature = block.signature
        else { return }
        committed.append(block)
        permit.committed(signature)
    }
}

private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct SignaturePermitTests {
    @Test func aPausedNodeosAtTheHeadNeedsNoQuestion() {
        var permit = SignaturePermit()
        let first = Checksum256([UInt8](repeating: 1, count: 32)) ?? .zero
        permit.confirmedPaused()
        #expect(permit.request(first, on: 1, obstacle: nil) == .sign)
        // While a signature is made, nothing is known to be paused.
        permit.confirmedPaused()
        permit.signed(first, .zero)
        #expect(permit.request(.zero, on: 1, obstacle: nil) == .refuse(.uncommittedBlock))
        permit.confirmedPaused()
        #expect(permit.request(.zero, on: 2, obstacle: nil) == .sign)
    }

    @Test func anotherBlocksCommitFreesNothing() {
        var permit = SignaturePermit()
        let (own, other) = ([UInt8](repeating: 31, count: 65), [31] + [UInt8](repeating: 1, count: 64))
        permit.confirmedPaused()
        #expect(permit.request(.zero, on: 1, obstacle: nil) == .sign)
        permit.signed(.zero, Signature(k1: own) ?? .zero)
        permit.committed(Signature(k1: other) ?? .zero)
        #expect(permit.outstanding != nil)
        permit.committed(Signature(k1: own) ?? .zero)
        #expect(permit.outstanding == nil)
    }

    @Test func nodeosIsNeverMoreThanOneBlockAway() {
        var (made, freed, paused) = (0, 0, 0)
        for seed in 1...200 as ClosedRange<UInt64> {
            var bench = Bench(seed: seed)
            for step in 0..<2000 {
                bench.step()
                if bench.uncommitted > 1 { bench.wrong = "\(bench.uncommitted) own blocks are not committed" }
                if let wrong = bench.wrong {
                    Issue.record("seed \(seed), step \(step): \(wrong)")
                    return
                }
            }
            made += bench.made
            freed += bench.freedByNodeos
            paused += bench.freedByPause
        }
        // Else nothing was tried.
        #expect(made > 2_000)
        #expect(freed > 100)
        #expect(paused > 100)
    }
}
