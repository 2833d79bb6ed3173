// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Acceptance {
    /// Ten thousand commands through one session.
    @Suite struct ConsoleMemoryTests {
        /// What the process holds that is not of a file, in KiB.
        private func held(_ process: ChildProcess) throws -> Int {
            let text = try String(contentsOfFile: "/proc/\(process.pid)/status", encoding: .utf8)
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("RssAnon:") })
            return try #require(line.split(separator: " ").compactMap { Int($0) }.first)
        }

        private func count(_ file: URL) throws -> Int {
            try Data(contentsOf: file).count { $0 == UInt8(ascii: "\n") }
        }

        @Test func memoryIsFlatOverTenThousandCommands() async throws {
            try await withEast { cluster, leader, chain in
                let (pipe, output, errors) = (
                    cluster.directory.appending(path: "pipe"), cluster.directory.appending(path: "out"),
                    cluster.directory.appending(path: "err")
                )
                try #require(mkfifo(pipe.path, 0o600) == 0)
                // Both ways, so that neither end waits for the other to be opened.
                let descriptor = open(pipe.path, O_RDWR | O_CLOEXEC)
                try #require(descriptor >= 0)
                let writer = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
                let process = try await ChildProcess.start(
                    [
                        try Program.path(), "console", "--config", leader.configurationFile.path, "--output", "json",
                        "--keep-going",
                    ], in: cluster.directory, channels: .files(input: pipe, output: output, errors: errors),
                    environment: ConsoleSession.environment(cluster.directory))

                var given = 0
                func give(_ number: Int) async throws {
                    for start in stride(from: 0, to: number, by: 100) {
                        let lines = (start..<min(start + 100, number)).map { index in
                            switch index % 100 {
                            case 0: "status"
                            case 30 where index % 1000 == 30: "history"
                            case 60: "peers"
                            case let place where place % 10 == 2: "nonsense \(index)"
                            default: "help timing"
                            }
                        }
                        given += lines.count
                        let text = lines.joined(separator: "\n") + "\n"
                        try await offload { try writer.write(contentsOf: Data(text.utf8)) }
                    }
                    try await eventually("all \(given) are answered", within: .seconds(240)) {
                        guard process.runs else {
                            throw Violation(description: "it has ended: \(process.ended as Any)")
                        }
                        let (answers, errors) = (try count(output), try count(errors))
                        guard answers + errors >= given else {
                            throw TimedOut(description: "\(answers) answers, \(errors) errors")
                        }
                        return true
                    }
                }
                let began = ContinuousClock.now
                try await give(1000)
                let early = try held(process)
                try await give(9000)
                let late = try held(process)
                print("10,000 commands in \(ContinuousClock.now - began): \(early) KiB, then \(late) KiB")
                // 9,000 commands that each left 300 bytes behind would show.
                #expect(late - early < 2000, "it holds \(early) KiB after 1,000 commands and \(late) KiB after 10,000")
                let (answers, failures) = (try count(output), try count(errors))
                #expect(answers + failures == 10_000)
                // The pipe ends when its last writer does.
                try writer.close()
                #expect(try await process.end() == .exit(64))
            }
        }

        @Test func aSessionOnATerminalStaysSmallToo() async throws {
            try await withEast { cluster, leader, chain in
                let session = try await ConsoleSession.start(cluster, rows: 10)
                try await session.prompt { $0.state == "ok" }
                func give(_ number: Int) async throws {
                    for _ in 0..<number { try await session.run("timing off") }
                }
                try await give(100)
                let early = try held(session.terminal.process)
                try await give(400)
                let late = try held(session.terminal.process)
                print("500 commands on a terminal: \(early) KiB, then \(late) KiB")
                #expect(late - early < 800, "it holds \(early) KiB after 100 commands and \(late) KiB after 500")
            }
        }
    }
}
