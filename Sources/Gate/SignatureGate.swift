// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import HTTP
import Keys
import NIOCore

/// Makes the signatures of one key: from a key file, or through a keosd.
public protocol BlockSigner {
    var publicKey: PublicKey { get }
    /// Completes on the gate's loop. Fails with an error whose description is a sentence for the operator.
    func sign(_ digest: Checksum256) -> EventLoopFuture<Signature>
}

/// What the gate asks of its peer, at the moment it needs it.
public protocol SignatureGateOwner: AnyObject {
    /// Why this peer may not produce now, in the words of `can_produce`; nil when it may.
    func obstacleToSigning() -> String?
    /// nodeos is to be asked for its head, by a call that starts now; the answer comes by `SignatureGate.answered`.
    func askForHead(_ question: SignaturePermit.Question)
    /// A signing request came. It shows that nodeos is not hung, and, when refused, how far a pause has come.
    func sawRequest(isRefused: Bool)
}

/// Speaks keosd's `sign_digest` to the local nodeos, and signs while the permit allows it. It decides from memory: nodeos
/// waits for it and answers nobody meanwhile.
public final class SignatureGate {
    /// Since the start of the process.
    public struct Counters: Hashable, Sendable {
        public var signed: UInt64 = 0
        /// The same digest again.
        public var repeated: UInt64 = 0
        /// By reason.
        public var refused: [String: UInt64] = [:]
        public var malformed: UInt64 = 0
    }

    /// Why signatures cannot be made at all, until one is made.
    public enum Trouble: Hashable, Sendable {
        /// nodeos asks for another key's.
        case wrongKey
        /// In the signer's words.
        case signer(String)
    }

    public private(set) var counters = Counters()
    public private(set) var trouble: Trouble?
    public private(set) var permit = SignaturePermit()
    private let eventLoop: any EventLoop
    private let signer: any BlockSigner
    private unowned let owner: any SignatureGateOwner

    /// - Parameter owner: outlives the gate.
    public init(eventLoop: any EventLoop, signer: any BlockSigner, owner: any SignatureGateOwner) {
        self.eventLoop = eventLoop
        self.signer = signer
        self.owner = owner
    }

    /// The answer to a request for `/v1/wallet/sign_digest`.
    public func answer(_ request: Request) -> EventLoopFuture<Response> {
        eventLoop.preconditionInEventLoop()
        guard let call = SignDigestCall(request.body.readableBytesView) else {
            counters.malformed += 1
            return refuse(400, name: "malformed_request", "expected [\"<64 hexadecimal digits>\",\"<public key>\"]")
        }
        guard call.publicKey == signer.publicKey else {
            trouble = .wrongKey
            owner.sawRequest(isRefused: true)
            return refuse(
                500, name: "wrong_key",
                "this gate signs for \(signer.publicKey), not for \(call.publicKey): compare"
                    + " nodeos's signature-provider with nodeos.signer")
        }
        switch permit.request(call.digest, on: request.connection, obstacle: owner.obstacleToSigning()) {
        case .sign: return sign(call.digest)
        case .again(let signature):
            counters.repeated += 1
            owner.sawRequest(isRefused: false)
            return eventLoop.makeSucceededFuture(Self.signed(signature))
        case .refuse(let refusal):
            owner.sawRequest(isRefused: true)
            if permit.wantsQuestion { owner.askForHead(permit.ask()) }
            return refuse(500, name: refusal.name, "prodha does not sign: \(refusal.name)")
        }
    }

    private func sign(_ digest: Checksum256) -> EventLoopFuture<Response> {
        signer.sign(digest).hop(to: eventLoop).assumeIsolated().map { signature in
            // The lease may have ended while the key was at work.
            if let obstacle = self.owner.obstacleToSigning() {
                self.permit.gaveUp(digest)
                self.owner.sawRequest(isRefused: true)
                return self.refusal(500, name: obstacle, "prodha does not sign: \(obstacle)")
            }
            self.permit.signed(digest, signature)
            self.counters.signed += 1
            self.trouble = nil
            self.owner.sawRequest(isRefused: false)
            return Self.signed(signature)
        }.flatMapErrorThrowing { error in
            self.permit.gaveUp(digest)
            self.trouble = .signer("\(error)")
            self.owner.sawRequest(isRefused: true)
            return self.refusal(500, name: "signer_failed", "\(error)")
        }.nonisolated()
    }

    /// A block with this signature was committed and applied.
    public func committed(_ signature: Signature) { permit.committed(signature) }

    /// nodeos's answer to a question; nil when there was none.
    public func answered(_ question: SignaturePermit.Question, head: BlockID?, committed: BlockID?) {
        permit.answered(question, head: head, committed: committed)
    }

    /// See `SignaturePermit.confirmedPaused`.
    public func confirmedPaused() { permit.confirmedPaused() }

    /// This gate gave this signature, and its block is not committed yet.
    public func gave(_ signature: Signature) -> Bool { permit.outstanding?.signature == signature }

    private static func signed(_ signature: Signature) -> Response {
        .json(.created, Array("\"\(signature.text)\"".utf8))
    }

    private func refuse(_ code: Int, name: String, _ what: String) -> EventLoopFuture<Response> {
        eventLoop.makeSucceededFuture(refusal(code, name: name, what))
    }

    /// An error in nodeos's own form, whose text it writes to its log.
    private func refusal(_ code: Int, name: String, _ what: String) -> Response {
        counters.refused[name, default: 0] += 1
        var text = "{\"code\":\(code),\"message\":\"Internal Service Error\",\"error\":{\"code\":1,\"name\":\""
        text += name
        text += "\",\"what\":\""
        text += String(what.unicodeScalars.filter { $0 != "\"" && $0 != "\\" && $0.value >= 32 && $0.value != 127 })
        text += "\",\"details\":[]}}"
        return .json(code == 400 ? .badRequest : .internalServerError, Array(text.utf8))
    }
}

/// `["<64 hexadecimal digits>","<public key>"]`, as nodeos sends it; blanks between the parts are allowed.
struct SignDigestCall {
    var digest: Checksum256
    var publicKey: PublicKey

    /// Longer bodies are not of nodeos.
    static let longest = 512

    init?(_ body: some Collection<UInt8>) {
        guard body.count <= Self.longest else { return nil }
        var rest = body[...]
        func skipBlanks() { rest = rest.drop { [0x20, 0x09, 0x0a, 0x0d].contains($0) } }
        func take(_ character: Character) -> Bool {
            skipBlanks()
            guard let wanted = character.asciiValue, rest.first == wanted else { return false }
            rest = rest.dropFirst()
            return true
        }
        func text() -> String? {
            guard take("\"") else { return nil }
            let inside = rest.prefix { $0 != UInt8(ascii: "\"") }
            rest = rest.dropFirst(inside.count)
            // Neither part has anything that JSON would escape.
            guard take("\""), inside.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }) else {
                return nil
            }
            return String(decoding: inside, as: UTF8.self)
        }
        guard take("["), let hex = text(), take(","), let key = text(), take("]") else { return nil }
        skipBlanks()
        guard rest.isEmpty, let digest = Checksum256(hex: hex), let publicKey = try? PublicKey(text: key) else {
            return nil
        }
        self.digest = digest
        self.publicKey = publicKey
    }
}
