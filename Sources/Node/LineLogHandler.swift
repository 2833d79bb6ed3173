// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Glibc
import Logging
import NIOConcurrencyHelpers

extension Unicode.Scalar {
    /// No part of a line of text.
    var breaksLines: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}

/// Log lines for people and journald, on standard error: time in UTC, level, message, then the values. The latest are kept in
/// memory, without secrets.
public struct LineLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level

    private let scrubber: Scrubber

    /// - Parameter secrets: what no line that is kept may hold.
    public init(level: Logger.Level, secrets: [String] = []) {
        logLevel = level
        scrubber = Scrubber(known: secrets)
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var line =
            UTCInstant(unixMilliseconds: Clock.unixMilliseconds()).description + " " + Self.name(event.level) + " "
            + event.message.description
        let values = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in values.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)" }
        Self.output.withLockedValue { [line] in $0.write(Self.onOneLine(line)) }
        // Cut after the secrets are out: half a secret would not be found.
        let kept = Self.onOneLine(scrubber.scrubbed(line)).utf8.prefix(Self.longestLine)
        Self.recent.withLockedValue { $0.add(String(decoding: kept, as: UTF8.self)) }
    }

    /// Of the whole process.
    static let recent = NIOLockedValueBox(RecentLines())

    /// In bytes; no more than a pipe takes at once.
    private static let longestLine = Int(PIPE_BUF) - 1

    /// What others wrote, an operator's reason or nodeos's words, must not look like a line of ours.
    static func onOneLine(_ text: String) -> String { printable(text, limit: .max) }

    /// Standard error. A reader that does not keep up must not hold the consensus loop: then lines are dropped and
    /// counted.
    private struct Output {
        private var lost = 0

        mutating func write(_ line: String) {
            var descriptor = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
            guard poll(&descriptor, 1, 0) == 1, descriptor.revents & Int16(POLLOUT) != 0 else {
                lost += 1
                return
            }
            // So that this never waits.
            let note = lost > 0 ? "(\(lost) lines before this one were lost: standard error was not read)\n" : ""
            let bytes = Array((note + line).utf8.prefix(LineLogHandler.longestLine)) + [UInt8(ascii: "\n")]
            lost = 0
            _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
        }
    }

    private static let output = NIOLockedValueBox(Output())

    private static func name(_ level: Logger.Level) -> String {
        switch level {
        case .trace: "trace"
        case .debug: "debug"
        case .info, .notice: "info"
        case .warning: "warning"
        case .error, .critical: "error"
        }
    }
}
