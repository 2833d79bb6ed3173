// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import DequeModule

/// The latest lines of this process's log, in memory, for who cannot get at its journal.
struct RecentLines {
    static let mostLines = 2000
    /// Of all lines together.
    static let mostBytes = 512 << 10

    private(set) var lines: Deque<String> = []
    private var bytes = 0
    /// Lines that had to go for newer ones.
    private(set) var dropped: UInt64 = 0

    mutating func add(_ line: String) {
        lines.append(line)
        bytes += line.utf8.count
        while lines.count > Self.mostLines || bytes > Self.mostBytes, let oldest = lines.popFirst() {
            bytes -= oldest.utf8.count
            dropped += 1
        }
    }
}

extension Node {
    var daemonLogDocument: DaemonLogDocument {
        let recent = LineLogHandler.recent.withLockedValue { $0 }
        return DaemonLogDocument(
            region: settings.region, peer: settings.raft.id.value, dropped: recent.dropped, lines: Array(recent.lines))
    }
}
