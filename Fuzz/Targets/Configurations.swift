// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

@testable import Configuration

extension Target {
    static let configurationJSON = Target("configuration-json", maxBytes: 16 << 10) { bytes in
        checkConfiguration(bytes, file: "group.json")
    }

    static let configurationYAML = Target("configuration-yaml", maxBytes: 16 << 10) { bytes in
        checkConfiguration(bytes, file: "group.yaml")
    }
}

private func checkConfiguration(_ bytes: [UInt8], file: String) {
    checkTree(bytes, file: file)
    // As tools read it: no file that the bytes name is opened.
    for overrides in [ConfigurationLoader.Overrides(), .init(selfID: 1, dataDirectory: "/data")] {
        let result = ConfigurationLoader.load(
            bytes: bytes, file: file, overrides: overrides, environment: [:], purpose: .tool)
        check(result.hasErrors == (result.directory == nil), "errors: \(result.diagnostics)")
        check(!(result.hasErrors && result.configuration != nil), "a configuration with errors")
        checkFindings(result.diagnostics, bytes)
        if let directory = result.directory { checkDirectory(directory) }
        if let configuration = result.configuration { checkValues(configuration) }
    }
}

private func checkFindings(_ findings: [Diagnostic], _ bytes: [UInt8]) {
    check(findings.count <= Findings.maximumCount + 1, "\(findings.count) findings")
    let lines = 1 + bytes.count { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
    var last = (0, 0)
    for finding in findings {
        checkSentence(finding.description)
        checkSentence(finding.message)
        check((1...lines).contains(finding.line), "line \(finding.line) of \(lines)")
        check((1...bytes.count + 1).contains(finding.column), "column \(finding.column)")
        check(last <= (finding.line, finding.column), "findings out of order: \(findings)")
        last = (finding.line, finding.column)
    }
}

private func checkDirectory(_ directory: PeerDirectory) {
    let ids = directory.peers.map(\.id)
    check(ids.count >= 3 && Set(ids).count == ids.count, "the peers \(ids)")
    check(2 * directory.quorumSize > ids.count && directory.quorumSize <= ids.count, "quorum \(directory.quorumSize)")
    checkSentence(directory.regionName, longest: 255)
    for peer in directory.peers {
        check(peer.id >= 0, "peer \(peer.id)")
        check((1...65535).contains(peer.listeningPort) && (1...65535).contains(peer.api.port), "\(peer)")
        check((try? ServiceURL(parsing: peer.api.description)) == peer.api, "the API \(peer.api)")
    }
    for region in directory.regions {
        checkSentence(region.name, longest: 255)
        check(region.peers.allSatisfy { $0.id >= 0 && (1...65535).contains($0.api.port) }, "\(region)")
    }
}

private func checkValues(_ configuration: Configuration) {
    check(configuration.selfPeer != nil, "this peer \(configuration.selfID) is not among the peers")
    check(configuration.electionLower < configuration.electionUpper, "\(configuration)")
    check(configuration.electionLower > .zero && configuration.heartbeat > .zero, "\(configuration)")
    check(configuration.leadershipExpiry > .zero && configuration.snapshotDistance > 0, "\(configuration)")
    check((0..<1).contains(configuration.maxClockDrift), "drift \(configuration.maxClockDrift)")
    check(!configuration.dataDirectory.isEmpty, "no data directory")
    check((1...65535).contains(configuration.apiListen.port), "\(configuration.apiListen)")
}

/// What was read, written as JSON, is read as the same again; both formats have one kind of tree.
private func checkTree(_ bytes: [UInt8], file: String) {
    let tree: DocumentNode
    do {
        tree = try DocumentReader.read(bytes, file: file)
    } catch {
        checkSentence(error.message)
        if let suggestion = error.suggestion { checkSentence(suggestion) }
        return
    }
    var text = ""
    write(tree, to: &text)
    do {
        var again = ""
        write(try DocumentReader.read(Array(text.utf8), file: "again.json"), to: &again)
        check(again == text, "written \(text), then \(again)")
    } catch {
        check(error.message.hasPrefix("the file has "), "\(error) in \(text)")
    }
}

private func write(_ node: DocumentNode, to text: inout String) {
    switch node.value {
    case .null: text += "null"
    case .bool(let flag): text += "\(flag)"
    case .number(let literal): text += literal
    case .string(let string): write(string, to: &text)
    case .list(let items):
        text += "["
        for (index, item) in items.enumerated() {
            text += index > 0 ? "," : ""
            write(item, to: &text)
        }
        text += "]"
    case .object(let members):
        text += "{"
        for (index, member) in members.enumerated() {
            text += index > 0 ? "," : ""
            write(member.key, to: &text)
            text += ":"
            write(member.value, to: &text)
        }
        text += "}"
    }
}

private func write(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
        if scalar.value < 0x20 || scalar == "\"" || scalar == "\\" {
            let digits = String(scalar.value, radix: 16)
            text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
            text.unicodeScalars.append(scalar)
        }
    }
    text += "\""
}
