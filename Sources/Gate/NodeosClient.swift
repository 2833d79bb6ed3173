// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import HTTP
import NIOCore
import NIOHTTP1
import Raft

/// A block of the group, to be given to nodeos.
public struct FeedBlock: Hashable, Sendable {
    public let id: BlockID
    public let previous: BlockID
    /// The packed signed_block.
    public let bytes: [UInt8]
    /// Of `bytes`.
    private let headerSize: Int
    public var number: UInt32 { id.blockNumber }

    public init(_ bytes: [UInt8]) throws(MalformedBlock) {
        let header = try BlockHeader(parsingPrefixOf: bytes)
        id = header.id
        previous = header.previous
        headerSize = header.packedSize
        self.bytes = bytes
    }

    /// The producer's signature, if it is of kind K1.
    public var signature: Signature? {
        guard bytes.count >= headerSize + 66, bytes[headerSize] == Signature.Kind.k1.rawValue else { return nil }
        return Signature(k1: Array(bytes[headerSize + 1..<headerSize + 66]))
    }

    /// For tests, whose blocks have no bytes.
    init(id: BlockID, previous: BlockID) {
        self.id = id
        self.previous = previous
        headerSize = 0
        bytes = []
    }
}

/// One question or order to nodeos.
public enum NodeosRequest: Hashable, Sendable {
    case info
    /// Whether its production is paused: true at once after a pause, while it still finishes a block.
    case isPaused
    case pause
    case resume
    /// The answer says nothing of whether the block was taken.
    case push(FeedBlock)
    /// The id of its block at a height.
    case blockID(UInt32)
    /// One of its blocks, packed.
    case rawBlock(BlockID)

    /// What it is called in messages.
    public var name: String {
        switch self {
        case .info: "get_info"
        case .isPaused: "paused"
        case .pause: "pause"
        case .resume: "resume"
        case .push(let block): "push_block \(block.number)"
        case .blockID(let number): "block \(number)"
        case .rawBlock(let id): "get_raw_block \(id.blockNumber)"
        }
    }

    /// How long an answer may take. While nodeos waits for a signature it answers nobody.
    public var timeout: Duration {
        switch self {
        case .info, .isPaused, .pause, .resume, .blockID: .milliseconds(1000)
        case .rawBlock: .milliseconds(2000)
        case .push: .milliseconds(5000)
        }
    }
}

public enum NodeosAnswer: Hashable, Sendable {
    case info(NodeosInfo)
    case isPaused(Bool)
    /// pause, resume, push: received. See `NodeosRequest.push`.
    case done
    /// nil: it has no block there.
    case blockID(BlockID?)
    case rawBlock(FeedBlock)
}

/// Calls the local nodeos by HTTP. Each call completes by its deadline, whatever nodeos does. Whoever needs an order
/// waits for the answer before the next call; those then share one connection, which is kept open. On one event loop.
public final class NodeosClient {
    /// Answers of fixed form.
    static let smallAnswer = 256 << 10

    private let client: HTTPClient
    private let url: HTTPURL
    private let texts = KeyTexts()
    /// `get_block_info` is cheap and missing in EOSIO 2.0; `get_block` is everywhere.
    private var hasBlockInfo = true

    /// - Parameter url: nodeos's HTTP address; a path in it comes before the calls'.
    public init(url: HTTPURL, client: HTTPClient) {
        self.url = url
        self.client = client
    }

    /// Fails with `NodeosFailure` only.
    public func call(_ request: NodeosRequest) -> EventLoopFuture<NodeosAnswer> {
        let loop = client.eventLoop
        loop.preconditionInEventLoop()
        let target: String
        var body = Array("{}".utf8)
        var limit = Self.smallAnswer
        switch request {
        case .info: target = "/v1/chain/get_info"
        case .isPaused: target = "/v1/producer/paused"
        case .pause: target = "/v1/producer/pause"
        case .resume: target = "/v1/producer/resume"
        case .push(let block):
            target = "/v1/chain/push_block"
            do {
                body = try SignedBlock(parsing: block.bytes).json(texts)
            } catch {
                return loop.makeFailedFuture(NodeosFailure.unreachable("block \(block.number): \(error)"))
            }
        case .blockID(let number) where hasBlockInfo:
            target = "/v1/chain/get_block_info"
            body = Array(#"{"block_num":\#(number)}"#.utf8)
        case .blockID(let number):
            target = "/v1/chain/get_block"
            body = Array(#"{"block_num_or_id":\#(number)}"#.utf8)
            limit = 64 << 20
        case .rawBlock(let id):
            target = "/v1/chain/get_raw_block"
            body = Array(#"{"block_num_or_id":"\#(id.hex)"}"#.utf8)
            limit = SignedBlock.longestJSON
        }
        let call = HTTPCall(
            .POST, url.appending(target), headers: ["content-type": "application/json"], body: ByteBuffer(bytes: body),
            timeout: .nanoseconds(request.timeout.inNanoseconds), maxAnswerBytes: limit, repetition: .harmless)
        let promise = loop.makePromise(of: NodeosAnswer.self)
        client.send(call).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let answer) where request.isBlockID && hasBlockInfo && Self.isUnknownCall(answer):
                hasBlockInfo = false
                promise.completeWith(self.call(request))
            case .success(let answer):
                do throws(NodeosFailure) {
                    promise.succeed(try read(answer, to: request))
                } catch {
                    promise.fail(error)
                }
            case .failure(let error): promise.fail(Self.failure(error))
            }
        }
        return promise.futureResult
    }

    private func read(_ answer: HTTPAnswer, to request: NodeosRequest) throws(NodeosFailure) -> NodeosAnswer {
        let body = Array(answer.body.readableBytesView)
        guard (200..<300).contains(answer.status.code) else {
            guard let error = NodeosDocuments.error(body) else {
                let start = NodeosDocuments.printable(String(decoding: body.prefix(80), as: UTF8.self))
                throw .garbage("HTTP status \(answer.status.code), \"\(start)\"")
            }
            if case .blockID = request, Self.unknownBlock.contains(error.code) { return .blockID(nil) }
            throw .refused(status: Int(answer.status.code), message: error.message)
        }
        do {
            switch request {
            case .info: return .info(try NodeosDocuments.info(body))
            case .isPaused: return .isPaused(try NodeosDocuments.bool(body))
            case .pause, .resume, .push: return .done
            case .blockID(let number):
                let id = try NodeosDocuments.blockID(body)
                guard id.blockNumber == number else { throw NodeosFailure.garbage("it is about another block") }
                return .blockID(id)
            case .rawBlock(let id):
                let block = try FeedBlock(SignedBlock(json: body, texts).bytes)
                guard block.id == id else { throw NodeosFailure.garbage("it is another block") }
                return .rawBlock(block)
            }
        } catch let error as NodeosFailure {
            throw error
        } catch {
            throw .garbage(NodeosDocuments.printable(String(describing: error)))
        }
    }

    /// `unknown_block_exception`; `block_validate_exception` is of the same family but not meant.
    private static let unknownBlock: Set<UInt64> = [3_100_002]

    private static func isUnknownCall(_ answer: HTTPAnswer) -> Bool { answer.status == .notFound }

    private static func failure(_ error: any Error) -> NodeosFailure {
        guard let error = error as? HTTPClientError else { return .noAnswer("\(error)") }
        let text = NodeosDocuments.printable(error.description)
        return switch error {
        case .badURL, .cannotConnect: .unreachable(text)
        case .noAnswer, .closedEarly, .cancelled: .noAnswer(text)
        case .badAnswer, .answerTooLarge: .garbage(text)
        }
    }
}

extension NodeosRequest {
    var isBlockID: Bool { if case .blockID = self { true } else { false } }
}
