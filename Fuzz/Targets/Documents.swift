// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Configuration
import ProducerHA

@testable import API
@testable import HTTP

extension Target {
    /// A choice of a document, then its JSON.
    static let documents = Target("documents", maxBytes: 16 << 10) { bytes in
        var input = Input(bytes)
        let choice = Int(input.byte())
        let json = input.rest
        switch choice % 29 {
        case 0: checkDocument(StatusDocument.self, json)
        case 1: checkDocument(ErrorDocument.self, json)
        case 2: checkDocument(LogDocument.self, json)
        case 3: checkDocument(CommitBlockRequest.self, json)
        case 4: checkDocument(CommitBlockDocument.self, json)
        case 5: checkDocument(CheckBlockRequest.self, json)
        case 6: checkDocument(CheckBlockDocument.self, json)
        case 7: checkDocument(BlockDocument.self, json)
        case 8: checkDocument(WaitBlockDocument.self, json)
        case 9: checkDocument(TransferRequest.self, json)
        case 10: checkDocument(TransferDocument.self, json)
        case 11: checkDocument(HealthDocument.self, json)
        case 12: checkDocument(CanProduceDocument.self, json)
        case 13: checkDocument(GetInfoDocument.self, json)
        case 14: checkDocument(TakeLeadershipDocument.self, json)
        case 15: checkDocument(RegionRequest.self, json)
        case 16: checkDocument(RegionDocument.self, json)
        case 17: checkDocument(MaintenanceRequest.self, json)
        case 18: checkDocument(MaintenanceDocument.self, json)
        case 19: checkDocument(HistoryDocument.self, json)
        case 20: checkDocument(EventDocument.self, json)
        case 21: checkDocument(GroupDocument.self, json)
        case 22: checkDocument(DaemonLogDocument.self, json)
        case 23: checkDocument(ConfigurationDocument.self, json)
        case 24: checkDocument(EventsDocument.self, json)
        case 25: checkDocument(RegionReportDocument.self, json)
        case 26: checkDocument(SwitchBeginRequest.self, json)
        case 27: checkDocument(SwitchEndRequest.self, json)
        default: checkDocument(LossDocument.self, json)
        }
    }

    /// The body of `commit_block` or, when it begins with a blank, of `check_block`.
    static let blockBodies = Target("block-bodies", maxBytes: 32 << 10) { bytes in
        if bytes.first == UInt8(ascii: " ") { checkCheckBlock(bytes) } else { checkCommitBlock(bytes) }
    }

    /// A choice of a kind of text, then the text: addresses, URLs, targets, instants, hex, names.
    static let texts = Target("texts", maxBytes: 2 << 10) { bytes in
        var input = Input(bytes)
        let choice = input.byte()
        checkText(choice % 9, String(decoding: input.rest, as: UTF8.self))
    }
}

private func checkDocument<Kind: Document>(_ kind: Kind.Type, _ json: ArraySlice<UInt8>) {
    let document: Kind
    do throws(MalformedDocument) {
        document = try Kind(json: json)
    } catch {
        return checkSentence(error.description)
    }
    let written = document.json()
    do {
        let again = try Kind(json: written)
        check(again == document, "\(document) reads as \(again)")
        check(again.json() == written, "\(document) is written otherwise the second time")
    } catch {
        check(false, "\(String(decoding: written, as: UTF8.self)): \(error)")
    }
    // Without secrets it is the same kind of document still, unless a time or the like was taken for one.
    let secret = "known-secret"
    if let clean = try? document.scrubbed(Scrubber(known: [secret])) {
        check(!String(decoding: clean.json(), as: UTF8.self).contains(secret), "\(document) became \(clean)")
    }
    if let block = document as? BlockDocument, !block.blockID.utf8.contains(where: { !isHexDigit($0) }) {
        check(block.quickJSON() == written, "the quick way writes otherwise")
    }
}

private func isHexDigit(_ byte: UInt8) -> Bool { Character(Unicode.Scalar(byte)).isHexDigit }

/// As `commit_block` reads it.
private func checkCommitBlock(_ body: [UInt8]) {
    let general = try? CommitBlockRequest(json: body)
    let request: CommitBlockRequest
    do throws(MalformedDocument) {
        request = try body.withUnsafeBytes { bytes in
            Result { () throws(MalformedDocument) in try CommitBlockRequest(body: bytes) }
        }.get()
    } catch {
        check(general == nil || body.count > 64 << 10, "JSON in general takes it")
        return checkSentence(error.description)
    }
    check(general == request, "read in place \(request), in general \(String(describing: general))")
    check(2 * request.block.bytes.count < body.count, "\(request.block.bytes.count) bytes of \(body.count)")
    do throws(MalformedBlock) {
        let block = try SignedBlock(parsing: request.block.bytes)
        let reference = BlockRef(block.header)
        check(reference.number == reference.id.blockNumber, "\(reference)")
        _ = block.transactionRoot == block.header.transactionRoot
    } catch {
        checkSentence(error.description)
    }
}

/// As `check_block` reads it.
private func checkCheckBlock(_ body: [UInt8]) {
    do throws(MalformedDocument) {
        let request = try CheckBlockRequest(json: body)
        guard let id = BlockID(hex: request.blockID) else { return }
        check(id.hex == request.blockID.lowercased(), "\(id) is not \(request.blockID)")
    } catch {
        checkSentence(error.description)
    }
}

private func checkText(_ choice: UInt8, _ text: String) {
    switch choice {
    case 0:
        guard let target = RequestTarget(text) else { return }
        check(target.path.hasPrefix("/") && !target.path.utf8.contains(0), "the path \(target.path)")
        check(target.query.items.count <= text.utf8.count, "\(target.query.items.count) pairs")
    case 1:
        do {
            let url = try HTTPURL(text)
            check((1...65535).contains(url.port) && url.target.hasPrefix("/") && !url.host.isEmpty, "\(url)")
            check((try HTTPURL(url.description)) == url, "\(url) reads otherwise")
        } catch {
            checkSentence("\(error)", longest: 8192)
        }
    case 2:
        do {
            let address = try HostPort(parsing: text)
            check((1...65535).contains(address.port) && !address.host.isEmpty, "\(address)")
            checkNoControls(address.description)
            check((try HostPort(parsing: address.description)) == address, "\(address) reads otherwise")
        } catch {
            malformed(error)
        }
    case 3:
        do {
            let url = try ServiceURL(parsing: text)
            check((1...65535).contains(url.port) && !url.host.isEmpty, "\(url)")
            checkNoControls(url.description)
            check((try ServiceURL(parsing: url.description)) == url, "\(url) reads otherwise")
        } catch {
            malformed(error)
        }
    case 4:
        guard let instant = UTCInstant(text) else { return }
        check(UTCInstant.range.contains(instant.unixMilliseconds), "\(instant.unixMilliseconds)")
        check(UTCInstant(instant.description) == instant, "\(instant) reads otherwise")
    case 5:
        do {
            check(Hex.encode(try Hex.decode(text)) == text.lowercased(), "\(text) is written otherwise")
        } catch {
            checkSentence("\(error)")
        }
    case 6:
        if let name = try? Name(text) { check(name.description == text, "\(text) prints as \(name)") }
    case 7:
        let clean = Scrubber(known: ["known-secret"]).scrubbed(text)
        check(!clean.contains("known-secret"), "\(text) became \(clean)")
        check(clean.utf8.count <= 3 * text.utf8.count, "\(text) became \(clean)")
    default:
        guard let timestamp = BlockTimestamp(text) else { return }
        check(timestamp.description == (text.hasSuffix("Z") ? text : text + "Z"), "\(text) prints as \(timestamp)")
    }
}

private func malformed(_ error: any Error) {
    guard let error = error as? HostPort.Malformed else { return check(false, "another error: \(error)") }
    checkSentence(error.message)
    checkSentence(error.suggestion)
}
