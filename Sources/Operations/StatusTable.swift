// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API

/// What a column of the status table shows.
enum StatusColumn: CaseIterable {
    case mark, id, api, role, term, lease, commit, lag, head, links, produce, nodeos, version, uptime

    var title: String {
        switch self {
        case .mark: ""
        case .id: "id"
        case .api: "api"
        case .role: "role"
        case .term: "term"
        case .lease: "lease"
        case .commit: "commit"
        case .lag: "lag"
        case .head: "head"
        case .links: "links"
        case .produce: "produce"
        case .nodeos: "nodeos"
        case .version: "version"
        case .uptime: "uptime"
        }
    }

    var isNumber: Bool {
        switch self {
        case .id, .term, .lease, .commit, .lag, .head, .links, .uptime: true
        case .mark, .api, .role, .produce, .nodeos, .version: false
        }
    }

    /// In which order columns go when there is no room. The others stay.
    static let expendable: [StatusColumn] = [.version, .uptime, .links, .lease, .commit, .head, .api, .nodeos, .term]

    func text(_ peer: PeerView, _ status: StatusDocument) -> String {
        switch self {
        case .mark: peer.isLeader ? "*" : ""
        case .id: String(status.peer.id)
        case .api: peer.apiText
        case .role: printable(status.raft.role.rawValue, limit: 16)
        case .term: String(status.raft.term)
        case .lease: status.raft.lease.held ? span(status.raft.lease.remainingMS.value) : "-"
        case .commit: String(status.raft.commitIndex)
        case .lag: peer.lag.map(String.init) ?? "-"
        case .head: status.production.head.map { String($0.blockNum) } ?? "-"
        case .links: "\(peer.linksUp ?? 0)/\(peer.linksTotal ?? 0)"
        case .produce: status.produceText
        case .nodeos: status.nodeosText
        case .version: printable(status.peer.version, limit: 24)
        case .uptime: span(status.peer.uptimeMS.value)
        }
    }
}

extension StatusDocument {
    var produceText: String {
        production.canProduce ? "yes" : production.reason.map { printable($0.rawValue, limit: 40) } ?? "no"
    }
}

extension StatusDocument {
    /// `-` where none is attached.
    var nodeosText: String {
        guard let nodeos else { return "-" }
        switch nodeos.condition {
        case "unreachable": return "down"
        case "behind": return "behind \(nodeos.distance.map(String.init) ?? "?")"
        case "well": return nodeos.production == "resumed" ? "produces" : printable(nodeos.production, limit: 16)
        default: return printable(nodeos.condition, limit: 16)
        }
    }
}

extension PeerView {
    var apiText: String { report.target.api?.place ?? "?" }

    /// What stands in the row of a peer that gave no status.
    var failureText: String {
        guard let failure = report.failure else { return "" }
        var text = printable(failure.message)
        if case .httpError(_, _, let message) = failure, !message.isEmpty { text += ": " + printable(message) }
        if text.hasSuffix(".") { text.removeLast() }
        if !heardBy.isEmpty {
            text += "; \(peerNames(heardBy)) heard it \(span(lastHeard?.value ?? 0)) ago"
        } else if let lastHeard {
            text += "; last heard \(span(lastHeard.value)) ago"
        }
        if let lastKnown { text += "; \(span(lastKnown.age.value)) ago it said: \(lastKnown.words)" }
        return text
    }
}

/// Rows laid out below each other, the same columns for all regions.
struct StatusTable {
    private let columns: [(column: StatusColumn, width: Int)]
    private let gap: Int
    private let width: Int

    /// Finds the columns that fit.
    init(_ peers: [PeerView], width: Int) {
        let answered = peers.compactMap { peer in peer.status.map { (peer, $0) } }
        var all = StatusColumn.allCases.map { column in
            let cells: [String] =
                switch column {
                // These two are shown for a peer without a status too.
                case .id: peers.map { $0.id.map(String.init) ?? "?" }
                case .api: peers.map(\.apiText)
                case .mark: ["*"]
                default: answered.map { column.text($0.0, $0.1) }
                }
            return (column: column, width: ([column.title] + cells).map(\.count).max() ?? 0)
        }
        if answered.allSatisfy({ $0.1.nodeos == nil }) { all.removeAll { $0.column == .nodeos } }
        func total(_ gap: Int) -> Int { all.reduce(0) { $0 + $1.width } + gap * (all.count - 1) }
        for victim in StatusColumn.expendable where total(1) > width { all.removeAll { $0.column == victim } }
        columns = all
        gap = total(2) <= width ? 2 : 1
        self.width = width
    }

    func header(_ style: Style) -> String { style.dim(row { $0.title }) }

    /// The lines of one peer.
    func lines(_ peer: PeerView, _ style: Style) -> [String] {
        if let status = peer.status {
            let line = row { $0.text(peer, status) }
            let isBehind = (peer.lag ?? 0) > ClusterView.maxLag
            return [peer.isLeader ? style.bold(line) : isBehind ? style.yellow(line) : line] + trouble(status, style)
        }
        var head = ""
        for (column, width) in columns {
            switch column {
            case .mark: head += pad("x", width, right: false)
            case .id: head += pad(peer.id.map(String.init) ?? "?", width, right: true)
            case .api: head += pad(peer.apiText, width, right: false)
            default: continue
            }
            head += String(repeating: " ", count: gap)
        }
        let rest = max(10, width - head.count)
        let text = wrapped(peer.failureText, width: rest)
        let margin = String(repeating: " ", count: head.count)
        return text.enumerated().map { style.red(String((($0 == 0 ? head : margin) + $1).prefix(width))) }
    }

    /// What is wrong with its nodeos and what to do, below the row of a peer.
    private func trouble(_ status: StatusDocument, _ style: Style) -> [String] {
        guard let problem = status.nodeos?.problem else { return [] }
        let margin = String(repeating: " ", count: 4)
        let text = wrapped("nodeos: \(printable(problem))", width: max(10, width - margin.count), indent: 2)
        return text.map { style.yellow(String((margin + $0).prefix(width))) }
    }

    private func row(_ text: (StatusColumn) -> String) -> String {
        let cells = columns.map { pad(text($0.column), $0.width, right: $0.column.isNumber) }
        let line = cells.joined(separator: String(repeating: " ", count: gap))
        let end = line.lastIndex { $0 != " " }.map { line.index(after: $0) } ?? line.startIndex
        return String(line[..<end].prefix(width))
    }
}

private func pad(_ text: String, _ width: Int, right: Bool) -> String {
    let blank = String(repeating: " ", count: max(0, width - text.count))
    return right ? blank + text : text + blank
}

/// Breaks text between words into lines of at most `width` characters; a longer word is broken too.
func wrapped(_ text: String, width: Int, indent: Int = 0) -> [String] {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line = ""
    for part in text.split(separator: " ") {
        var word = String(part)
        if !line.isEmpty, line.count + 1 + word.count > width {
            lines.append(line)
            line = ""
        }
        let start = line.isEmpty ? (lines.isEmpty ? "" : margin) : line + " "
        while start.count + word.count > width, word.count > 1, line.isEmpty, width > indent + 1 {
            lines.append(margin + word.prefix(width - indent))
            word = String(word.dropFirst(width - indent))
        }
        line = (line.isEmpty ? (lines.isEmpty ? "" : margin) : line + " ") + word
    }
    return line.isEmpty && !lines.isEmpty ? lines : lines + [line]
}
