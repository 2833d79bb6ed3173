// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

/// A wall clock for some programs, which can be set while they run; by libfaketime (Debian's package faketime).
struct FakeClock {
    static let library: String? = {
        let folders = ["x86_64-linux-gnu/", "aarch64-linux-gnu/", ""].map { "/usr/lib/\($0)faketime" }
        return folders.map { $0 + "/libfaketimeMT.so.1" }.first { FileManager.default.fileExists(atPath: $0) }
    }()

    private let file: URL

    init(_ file: URL) throws {
        self.file = file
        try set(secondsAhead: 0)
    }

    func set(secondsAhead seconds: Int) throws {
        try "\(seconds < 0 ? "" : "+")\(seconds)s\n".write(to: file, atomically: true, encoding: .utf8)
    }

    /// For the programs. Only their wall clock is another.
    var environment: [String: String] {
        [
            "LD_PRELOAD": Self.library ?? "", "FAKETIME_TIMESTAMP_FILE": file.path, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
        ]
    }
}

extension Guarded {
    /// nodeos puts its machine's time into blocks: a machine whose clock is minutes off must not make any.
    @Suite(.enabled(if: FakeClock.library != nil, "there is no libfaketime: install the Debian package faketime"))
    struct ClockTests {
        enum Whose: CaseIterable {
            /// nodeos alone sees another time.
            case nodeos
            case machine
        }

        @Test(arguments: Whose.allCases, [300, -300])
        func aClockThatJumpsStopsItsMachineAlone(_ whose: Whose, seconds: Int) async throws {
            try await withGuardedChain { chain in
                let machine = chain.others(than: try await chain.producer())[0]
                let clock = try FakeClock(machine.peer.directory.appending(path: "clock"))
                try await machine.nodeos.terminate()
                try await machine.nodeos.startAndServe(.usual, environment: clock.environment)
                if whose == .machine {
                    try #require(try await machine.peer.terminate() == .exit(0))
                    try await machine.peer.startAndServe(environment: clock.environment)
                }
                try await eventually("peer \(machine.peer.id) leads") {
                    let leader = try await chain.producer()
                    if leader === machine { return true }
                    let answer = try await leader.peer.post(
                        "/v1/prodha/transfer", ["to": .int(machine.peer.id)])
                    throw TimedOut(description: "\(answer)")
                }
                try await chain.advances()

                let height = try await chain.outside.head().number
                let start = ContinuousClock.now
                try clock.set(secondsAhead: seconds)
                try await chain.producer(among: chain.others(than: machine))
                try await chain.advances(by: 6)
                let gap = chain.watch.longestGap(since: start)
                print("clock of \(whose) set \(seconds) s ahead: longest time without a block \(gap)")
                try await eventually("it is told") { try await isTold(machine) }
                let end = try await chain.outside.head().number
                let slots = try await Heights.slots(chain.outside, height...end)
                let now = Int(Date().timeIntervalSince1970 * 2) - 2 * 946_684_800
                for (number, slot) in zip(height..., slots) where slot > now + 10 {
                    Issue.record("block \(number) is \((slot - now) / 2) s ahead of the time")
                }

                // A block that it was at may wait for a time that was to come.
                try await machine.nodeos.terminate()
                try clock.set(secondsAhead: 0)
                try await machine.nodeos.startAndServe(.usual, environment: clock.environment)
                try await chain.settles()
            }
        }

        private func isTold(_ machine: Machine) async throws -> Bool {
            let status = try await machine.peer.status()
            let texts = [status["production.reason"]?.string, status["nodeos.problem"]?.string]
            guard texts.contains(where: { $0?.contains("clock") ?? false }) else {
                throw TimedOut(description: "\(status["production"] ?? .null) \(status["nodeos"] ?? .null)")
            }
            return true
        }
    }
}
