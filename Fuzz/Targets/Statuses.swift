// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import NIOCore
import NIOHTTP1

@testable import HTTP
@testable import Operations

extension Target {
    /// A choice of the HTTP status and of the form, then the body of an answer to `status`: read, judged and shown.
    static let statusAnswers = Target("status-answers", maxBytes: 16 << 10) { bytes in
        var input = Input(bytes)
        let choice = input.byte()
        let unnamed = HTTPResponseStatus.custom(code: 599, reasonPhrase: "")
        let statuses: [HTTPResponseStatus] = [.ok, .serviceUnavailable, .notFound, unnamed]
        let status = choice < 128 ? .ok : statuses[Int(choice) / 4 % 4]
        let answer = HTTPAnswer(status: status, headers: [:], body: ByteBuffer(bytes: input.rest))
        let target = PeerTarget(region: nil, id: nil, api: nil, origin: .given)
        show(report(answer, from: target), choice % 4)
    }
}

private func report(_ answer: HTTPAnswer, from target: PeerTarget) -> [PeerReport] {
    do throws(PeerFailure) {
        let status = try Inspector.status(in: answer, from: target)
        check(status.schemaVersion == .current, "version \(status.schemaVersion)")
        var target = target
        target.region = status.peer.region
        target.id = status.peer.id
        let at = UTCInstant(unixMilliseconds: 1_790_000_000_000)
        let others = status.neighbours
        check(others.count <= ClusterView.maxHearsay, "\(others.count) peers by hearsay")
        return [PeerReport(target: target, outcome: .answered(PeerAnswer(status: status, at: at, roundTrip: 3)))]
            + others.map { PeerReport(target: $0, outcome: .failed(.refused)) }
    } catch {
        return [PeerReport(target: target, outcome: .failed(error))]
    }
}

/// - Parameter choice: of the form; one at a time, since each takes long.
private func show(_ reports: [PeerReport], _ choice: UInt8) {
    let view = ClusterView(Inspection(reports: reports, quorumInFile: ["east": 2]))
    checkNoControls(view.verdict.rawValue)
    switch choice {
    case 0, 1:
        let width = choice == 0 ? 20 : 80
        for line in StatusScreen(width: width).lines(view) {
            checkNoControls(line)
            check(line.count <= width, "\(line.count) characters in \(width): \(line)")
        }
    case 2:
        checkNoControls(view.tsv, except: "\t\n")
        let rows = view.tsv.split(separator: "\n")
        let fields = rows.map { $0.split(separator: "\t", omittingEmptySubsequences: false).count }
        check(Set(fields).count == 1 && fields.count == 1 + reports.count, "fields in the rows: \(fields)")
    default:
        let json = view.document.json(.oneLine)
        check((try? Anything(json: json)) != nil, "not JSON: \(json)")
        for scalar in view.document.yaml().unicodeScalars {
            check(scalar == "\n" || scalar.properties.generalCategory != .control, "U+\(scalar.value) in YAML")
        }
    }
}

private struct Anything: Document {
    var value: JSONValue

    init(from decoder: any Decoder) throws { value = try JSONValue(from: decoder) }

    func encode(to encoder: any Encoder) throws { try value.encode(to: encoder) }
}
