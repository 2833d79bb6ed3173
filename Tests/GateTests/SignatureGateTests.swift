// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import HTTP
import Keys
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import Gate

/// A key that the chain's own tools use for development, and that guards nothing.
private let developmentKey = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"
private let developmentPublicKey = "EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV"

/// What a peer says to its gate. Confined to the loop.
private final class Owner: SignatureGateOwner {
    var obstacle: String?
    var questions: [SignaturePermit.Question] = []
    var refusals = 0

    func obstacleToSigning() -> String? { obstacle }
    func askForHead(_ question: SignaturePermit.Question) { questions.append(question) }
    func sawRequest(isRefused: Bool) { if isRefused { refusals += 1 } }
}

/// Signs when it is told to.
private final class SlowSigner: BlockSigner {
    let key: PrivateKey
    let eventLoop: any EventLoop
    var waiting: [(Checksum256, EventLoopPromise<Signature>)] = []

    init(_ key: PrivateKey, _ eventLoop: any EventLoop) {
        self.key = key
        self.eventLoop = eventLoop
    }

    var publicKey: PublicKey { key.publicKey }

    func sign(_ digest: Checksum256) -> EventLoopFuture<Signature> {
        let promise = eventLoop.makePromise(of: Signature.self)
        waiting.append((digest, promise))
        return promise.futureResult
    }

    func finish() throws {
        for (digest, promise) in waiting { promise.succeed(try key.sign(digest)) }
        waiting = []
    }
}

@Suite struct SignatureGateTests {
    private static let head = BlockID(number: 7, digest: .zero)
    private let loop = MultiThreadedEventLoopGroup.singleton.next()

    private static func body(_ digit: Character, key: String = developmentPublicKey) -> ByteBuffer {
        ByteBuffer(string: "[\"\(String(repeating: digit, count: 64))\",\"\(key)\"]")
    }

    private static func request(_ digit: Character, on connection: UInt64 = 1) -> Request {
        Request(method: .POST, path: "/v1/wallet/sign_digest", body: body(digit), connection: connection)
    }

    /// Runs on the loop, where the gate lives.
    private func onTheLoop(_ body: @escaping @Sendable (any EventLoop) throws -> Void) async throws {
        try await loop.submit { [loop] in try body(loop) }.get()
    }

    private static func status(_ answer: EventLoopFuture<Response>) throws -> (code: UInt, text: String) {
        var found: Response?
        answer.assumeIsolated().whenSuccess { found = $0 }
        let response = try #require(found, "it is not answered at once")
        guard case .bytes(let bytes) = response.body else { return (response.status.code, "") }
        return (response.status.code, String(buffer: bytes))
    }

    @Test func aSignatureIsGivenOnceUntilItsBlockIsCommitted() async throws {
        try await onTheLoop { loop in
            let owner = Owner()
            let key = try PrivateKey(text: developmentKey)
            let gate = SignatureGate(eventLoop: loop, signer: KeySigner(key, eventLoop: loop), owner: owner)
            // After a start nodeos's word is needed.
            #expect(try Self.status(gate.answer(Self.request("a"))).text.contains("unconfirmed_head"))
            #expect(owner.questions == [1])
            gate.answered(1, head: Self.head, committed: Self.head)
            let first = try Self.status(gate.answer(Self.request("a")))
            #expect(first.code == 201)
            let signature = try #require(gate.permit.outstanding?.signature)
            #expect(first.text == "\"\(signature.text)\"")
            let digest = try #require(Checksum256(hex: String(repeating: "a", count: 64)))
            #expect(try PublicKey(recoveredFrom: signature, of: digest) == key.publicKey)
            #expect(gate.gave(signature))
            // The same again, another one not, and nothing without the right to produce.
            #expect(try Self.status(gate.answer(Self.request("a"))).text == first.text)
            let other = try Self.status(gate.answer(Self.request("b")))
            #expect(other.code == 500 && other.text.contains("uncommitted_block"))
            owner.obstacle = "lease_expired"
            #expect(try Self.status(gate.answer(Self.request("a"))).text.contains("lease_expired"))
            owner.obstacle = nil
            gate.committed(signature)
            #expect(try Self.status(gate.answer(Self.request("b"))).code == 201)
            #expect(gate.counters.signed == 2 && gate.counters.repeated == 1)
        }
    }

    /// keosd takes its time; a lease that ends meanwhile takes the signature back.
    @Test func aLeaseThatEndsWhileTheKeyIsAtWorkGivesNothing() async throws {
        try await onTheLoop { loop in
            let owner = Owner()
            let signer = SlowSigner(try PrivateKey(text: developmentKey), loop)
            let gate = SignatureGate(eventLoop: loop, signer: signer, owner: owner)
            _ = gate.answer(Self.request("a"))
            gate.answered(1, head: Self.head, committed: Self.head)
            let answer = gate.answer(Self.request("a"))
            // A second request meanwhile is refused, and spends nothing.
            #expect(try Self.status(gate.answer(Self.request("b"))).text.contains("signer_busy"))
            owner.obstacle = "lease_expired"
            try signer.finish()
            #expect(try Self.status(answer).text.contains("lease_expired"))
            #expect(gate.permit.outstanding == nil)
            owner.obstacle = nil
            _ = gate.answer(Self.request("c"))
            try signer.finish()
            #expect(gate.permit.outstanding != nil)
        }
    }

    @Test(arguments: [
        "", "[]", "[\"aa\",\"EOS\"]", "{}", "[\"\(String(repeating: "a", count: 64))\"]",
        "[\"\(String(repeating: "a", count: 64))\",\"\(developmentPublicKey)\"]x",
        "[\"\(String(repeating: "g", count: 64))\",\"\(developmentPublicKey)\"]",
        "[\"\(String(repeating: "a", count: 64))\",\"\(developmentPublicKey)\",1]",
    ])
    func whatIsNoRequestIsToldSo(body: String) async throws {
        try await onTheLoop { loop in
            let owner = Owner()
            let signer = KeySigner(try PrivateKey(text: developmentKey), eventLoop: loop)
            let gate = SignatureGate(eventLoop: loop, signer: signer, owner: owner)
            let request = Request(method: .POST, path: "/", body: ByteBuffer(string: body), connection: 1)
            #expect(try Self.status(gate.answer(request)).code == 400)
        }
    }

    @Test func anotherKeyIsNamed() async throws {
        try await onTheLoop { loop in
            let owner = Owner()
            let key = try PrivateKey(text: developmentKey)
            let gate = SignatureGate(eventLoop: loop, signer: KeySigner(key, eventLoop: loop), owner: owner)
            // Some other point of the curve.
            let digest = try #require(Checksum256(hex: String(repeating: "7", count: 64)))
            let wrong = "\(try PublicKey(recoveredFrom: try key.sign(.zero), of: digest))"
            let request = Request(method: .POST, path: "/", body: Self.body("a", key: wrong), connection: 1)
            let answer = try Self.status(gate.answer(request))
            #expect(answer.code == 500 && answer.text.contains("not for \(wrong)"))
            // Nothing will come of it before somebody mends it.
            #expect(gate.trouble == .wrongKey && owner.refusals == 1)
        }
    }

    @Test func aKeyThatDoesNotSignIsTroubleUntilItDoes() async throws {
        try await onTheLoop { loop in
            let owner = Owner()
            let signer = SlowSigner(try PrivateKey(text: developmentKey), loop)
            let gate = SignatureGate(eventLoop: loop, signer: signer, owner: owner)
            gate.confirmedPaused()
            let answer = gate.answer(Self.request("a"))
            signer.waiting[0].1.fail(KeosdSigner.Failure(description: "keosd is locked"))
            signer.waiting = []
            let told = try Self.status(answer)
            #expect(told.code == 500 && told.text.contains("signer_failed") && told.text.contains("keosd is locked"))
            #expect(gate.trouble == .signer("keosd is locked") && gate.permit.outstanding == nil)
            // A refusal for want of the lease says nothing of the key.
            owner.obstacle = "not_leader"
            _ = gate.answer(Self.request("b"))
            #expect(gate.trouble != nil)
            owner.obstacle = nil
            _ = gate.answer(Self.request("c"))
            try signer.finish()
            #expect(gate.trouble == nil && gate.counters.signed == 1)
        }
    }
}
