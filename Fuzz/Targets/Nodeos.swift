// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import NIOCore

@testable import Antelope
@testable import Gate
@testable import Keys

extension Target {
    /// A choice of pieces, a choice of the kinds that may not pass, then one direction of a p2p stream. The gate's reader
    /// must see in it what the splitter of layer Antelope sees, which is other code.
    static let gateStream = Target("gate-stream", maxBytes: 16 << 10) { bytes in
        var input = Input(bytes)
        let seed = input.byte()
        let kept = input.byte()
        let whole = Reading([input.rest], keeping: kept)
        let inPieces = Reading(input.pieces(seed), keeping: kept)
        check(whole == inPieces, "whole: \(whole), in pieces: \(inPieces)")
        compareWithSplitter(whole, Array(input.rest), keeping: kept)
    }

    /// JSON, as an answer to `get_raw_block`; or, behind a zero byte, a packed block that is written as JSON, which is
    /// damaged where the bytes before the block say.
    static let nodeosBlocks = Target("nodeos-blocks", maxBytes: 16 << 10) { bytes in
        guard bytes.first == 0 else { return checkBlockJSON(bytes) }
        var input = Input(bytes)
        _ = input.byte()
        let edits = (0..<Int(input.byte() % 4)).map { _ in input.take(3) }
        guard let block = try? SignedBlock(parsing: Array(input.rest)), var json = try? block.json(KeyTexts()) else {
            return
        }
        let again = try? SignedBlock(json: json, KeyTexts())
        check(
            again == block || hasLongSignature(json), "not read as it was written: \(text(json))")
        for edit in edits where edit.count == 3 {
            json[(Int(edit[0]) << 8 | Int(edit[1])) % json.count] = edit[2]
        }
        checkBlockJSON(json)
    }

    /// A choice of the call, then what nodeos answers.
    static let nodeosAnswers = Target("nodeos-answers", maxBytes: 16 << 10) { bytes in
        var input = Input(bytes)
        let choice = input.byte()
        let body = Array(input.rest)
        switch choice % 4 {
        case 0: checkInfo(body)
        case 1: checkID(body)
        case 2: checkBool(body)
        default: checkError(body)
        }
    }

    /// What the local nodeos asks the gate to sign.
    static let signRequests = Target("sign-requests", maxBytes: 1 << 10) { bytes in
        let call = SignDigestCall(bytes)
        guard let call else { return }
        check(bytes.count <= SignDigestCall.longest, "\(bytes.count) bytes")
        // JSON in general takes it too, and sees the same in it.
        guard case .array(let parts)? = (try? AnyJSON(json: bytes))?.value, parts.count == 2,
            case .string(let digest) = parts[0], case .string(let key) = parts[1]
        else { return check(false, "JSON in general does not take \(text(bytes))") }
        check(digest.lowercased() == call.digest.description, "\(digest) was read as \(call.digest.description)")
        check(key == call.publicKey.text || key == "\(call.publicKey)", "\(key) was read as \(call.publicKey)")
        let written = Array("[\"\(call.digest.description)\",\"\(call.publicKey)\"]".utf8)
        let again = SignDigestCall(written)
        check(again?.digest == call.digest && again?.publicKey == call.publicKey, "written, it is another request")
    }

    /// A choice of the kind, then a key or a signature as text or packed, or a key file.
    static let keys = Target("keys", maxBytes: 4 << 10) { bytes in
        var input = Input(bytes)
        let choice = input.byte()
        let rest = Array(input.rest)
        switch choice % 5 {
        case 0: checkPublicKey(String(decoding: rest, as: UTF8.self))
        case 1: checkPackedKey(rest)
        case 2: checkSignature(String(decoding: rest, as: UTF8.self))
        case 3: checkPackedSignature(rest)
        default: checkKeyFile(rest)
        }
    }
}

// MARK: - The p2p gate

private let messageLimit = 4096

/// What a reader made of a stream.
private struct Reading: Equatable {
    var kinds: [UInt32] = []
    var passed: [UInt8] = []
    var blocks: [BlockID] = []
    var error: P2PLinkError?
    var frames: UInt64 = 0
    /// Of a frame that is not whole; nothing is known of it after an error.
    var buffered = 0

    /// - Parameter kept: kinds that may not pass, by their bit.
    init(_ pieces: [ArraySlice<UInt8>], keeping kept: UInt8) {
        var reader = P2PFrameReader(maxFrameBytes: messageLimit)
        var (kinds, passed, blocks): ([UInt32], [UInt8], [BlockID]) = ([], [], [])
        for piece in pieces {
            do throws(P2PLinkError) {
                try reader.read(ByteBuffer(bytes: piece)) { type, frame throws(P2PLinkError) in
                    kinds.append(type.code)
                    if let frame {
                        if type == .handshake { try P2PSessionOpening.check(frame) }
                        if type == .signedBlock { blocks.append(try checkedView(frame).id) }
                    }
                    return isKept(type, kept) ? .swallow : .pass
                } pass: {
                    passed += $0.readableBytesView
                }
            } catch {
                checkSentence(error.description)
                self.error = error
                break
            }
            check(reader.bufferedBytes < P2PFrameReader.lengthBytes + messageLimit, "\(reader.bufferedBytes) are held")
            check(reader.isAtBoundary == (reader.bufferedBytes == 0), "\(reader.bufferedBytes) bytes at a boundary")
        }
        (self.kinds, self.passed, self.blocks, frames) = (kinds, passed, blocks, reader.frames)
        if error == nil { buffered = reader.bufferedBytes }
    }
}

private func isKept(_ type: P2PMessageType, _ kept: UInt8) -> Bool { kept >> UInt8(type.code % 8) & 1 == 1 }

private func checkedView(_ frame: P2PWholeFrame) throws(P2PLinkError) -> SignedBlockView {
    let packed = Array(frame.bytes.readableBytesView.dropFirst(frame.contentStart))
    let header = try? BlockHeader(parsingPrefixOf: packed)
    let view: SignedBlockView
    do {
        view = try SignedBlockView(frame)
    } catch {
        check(header == nil, "the view finds no header where there is one: \(error)")
        throw .badBlock(error)
    }
    check(view.header == header && view.id == header?.id, "the view sees another header: \(view.header)")
    check(view.packed == packed && view.packedSize == packed.count, "the view is of \(view.packedSize) bytes")
    if let block = try? SignedBlock(parsing: packed) {
        check(
            view.signature == (block.signature.kind == .k1 ? block.signature : nil),
            "the view sees the signature \(view.signature?.text ?? "-"), the block has \(block.signature.text)")
    }
    return view
}

private func compareWithSplitter(_ reading: Reading, _ stream: [UInt8], keeping kept: UInt8) {
    var splitter = P2PFrameSplitter(maximumFrameSize: messageLimit)
    splitter.append(stream)
    var (kinds, passed): ([UInt32], [UInt8]) = ([], [])
    var error: P2PLinkError?
    do throws(P2PStreamError) {
        // The reader ends at a bad block, too.
        while kinds.count < reading.kinds.count || reading.error == nil || isOfTheStream(reading.error),
            let frame = try splitter.next()
        {
            kinds.append(frame.type.code)
            let isLast = kinds.count == reading.kinds.count && reading.error != nil && !isOfTheStream(reading.error)
            if !isKept(frame.type, kept), !isLast { passed += frame.bytes }
        }
        if let last = reading.error, !isOfTheStream(last) { error = last }
    } catch {
        return check(
            reading.error == .badStream(error) && reading.kinds == kinds && reading.passed == passed,
            "the splitter ends with \(error) after \(kinds), the reader is \(reading)")
    }
    check(
        reading.error == error && reading.kinds == kinds && reading.passed == passed,
        "the splitter has \(kinds), the reader is \(reading)")
    if error == nil { check(reading.buffered == splitter.bufferedCount, "\(reading.buffered) bytes are held") }
}

private func isOfTheStream(_ error: P2PLinkError?) -> Bool {
    if case .badStream = error { true } else { false }
}

// MARK: - What nodeos says by HTTP

private func checkBlockJSON(_ json: [UInt8]) {
    let block: SignedBlock
    do throws(MalformedBlockJSON) {
        block = try SignedBlock(json: json, KeyTexts())
    } catch {
        return checkSentence(error.description)
    }
    check((try? SignedBlock(parsing: block.bytes)) == block, "what was packed is no block")
    check((try? AnyJSON(json: json)) != nil || hasBytesThatAreNoText(json), "JSON in general does not take it")
    do throws(UnwritableBlock) {
        let written = try block.json(KeyTexts())
        check((try? SignedBlock(json: written, KeyTexts())) == block, "written, it is another block")
    } catch {
        check(false, "read, and not to be written: \(error)")
    }
}

/// Signatures of WebAuthn hold what a browser said; a long one is written and not read.
private func hasLongSignature(_ json: [UInt8]) -> Bool {
    json.split(separator: UInt8(ascii: "\"")).contains {
        $0.count > KeyTexts.longestText && $0.starts(with: "SIG_".utf8)
    }
}

/// A member's text is not looked at closely where it is not used.
private func hasBytesThatAreNoText(_ json: [UInt8]) -> Bool { String(validating: json, as: UTF8.self) == nil }

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

private func checkInfo(_ body: [UInt8]) {
    let info: NodeosInfo
    do throws(InvalidJSON) {
        info = try NodeosDocuments.info(body)
    } catch {
        return checkSentence(error.description)
    }
    check(info.irreversible.number <= info.head.number, "irreversible \(info.irreversible), head \(info.head)")
    let written = """
        {"chain_id":"\(info.chainID.description)","head_block_num":\(info.head.number),"head_block_id":"\(info.head.id.hex)",\
        "head_block_time":"\(info.headTime)","last_irreversible_block_num":\(info.irreversible.number),\
        "last_irreversible_block_id":"\(info.irreversible.id.hex)"}
        """
    check((try? NodeosDocuments.info(Array(written.utf8))) == info, "written, it is another: \(written)")
}

private func checkID(_ body: [UInt8]) {
    do throws(InvalidJSON) {
        let id = try NodeosDocuments.blockID(body)
        check(
            (try? NodeosDocuments.blockID(Array("{\"id\":\"\(id.hex)\"}".utf8))) == id, "written, it is another: \(id)")
    } catch {
        checkSentence(error.description)
    }
}

private func checkBool(_ body: [UInt8]) {
    let word = body.filter { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }
    do throws(InvalidJSON) {
        let value = try NodeosDocuments.bool(body)
        check(word == Array("\(value)".utf8), "\(value)")
    } catch {
        checkSentence(error.description)
        check(body != Array("true".utf8) && body != Array("false".utf8), "\(error)")
    }
}

private func checkError(_ body: [UInt8]) {
    guard let error = NodeosDocuments.error(body) else { return }
    check(error.message.unicodeScalars.count <= NodeosDocuments.longestMessage + 3, "a long message: \(error.message)")
    checkSentence(NodeosFailure.refused(status: 500, message: error.message).description)
}

private struct AnyJSON: Document {
    var value: JSONValue

    init(from decoder: any Decoder) throws { value = try JSONValue(from: decoder) }

    func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }
}

// MARK: - Keys

private func checkPublicKey(_ text: String) {
    do throws(InvalidKey) {
        let key = try PublicKey(text: text)
        check(text == key.text || text == key.description, "\(text) is written as \(key.text)")
        check((try? PublicKey(packed: key.packed)) == key, "\(text) is packed as another")
        check(KeyTexts().packedKey(text) == key.packed, "\(text)")
    } catch {
        checkSentence(error.description)
    }
}

private func checkPackedKey(_ bytes: [UInt8]) {
    do throws(InvalidKey) {
        let key = try PublicKey(packed: bytes)
        check(key.packed == bytes, "packed otherwise: \(key)")
        check((try? PublicKey(text: key.text)) == key && (try? PublicKey(text: "\(key)")) == key, "\(key) is another")
    } catch {
        checkSentence(error.description)
    }
}

private func checkSignature(_ text: String) {
    do throws(InvalidKey) {
        let signature = try Signature(text: text)
        check(KeyTexts().signature(text) == signature, "\(text) is read in two ways")
    } catch {
        checkSentence(error.description)
    }
    guard let signature = KeyTexts().signature(text) else { return }
    check(signature.text == text, "\(text) is written as \(signature.text)")
    check(Signature(packed: signature.packed) == signature, "\(text) is packed as another")
}

private func checkPackedSignature(_ bytes: [UInt8]) {
    guard let signature = Signature(packed: bytes) else { return }
    check(signature.packed == bytes, "packed otherwise: \(signature.text)")
    let text = signature.text
    check(text.utf8.count > KeyTexts.longestText || KeyTexts().signature(text) == signature, "\(text) is another")
    // Whoever it is from, or nobody; for a digest that anybody might ask for.
    let key = try? PublicKey(recoveredFrom: signature, of: .zero)
    check(key == nil || (try? PublicKey(packed: key?.packed ?? [])) == key, "recovered: \(text)")
}

private func checkKeyFile(_ contents: [UInt8]) {
    contents.withUnsafeBytes { contents in
        do throws(KeyFileError.Problem) {
            _ = try KeyFile.key(in: contents)
        } catch {
            checkSentence(KeyFileError("key", error).description)
        }
    }
}
