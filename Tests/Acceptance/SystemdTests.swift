// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

/// Where systemd would hear what a service notifies it of.
private final class NotifySocket: Sendable {
    let path: String
    private let descriptor: Int32

    init(in directory: URL) throws {
        path = directory.appending(path: "notify").path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = Array(path.utf8)
        try #require(name.count < MemoryLayout.size(ofValue: address.sun_path), "\(path) is too long")
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0, "\(String(cString: strerror(errno)))")
    }

    deinit { close(descriptor) }

    /// The next message, if there is one.
    func next() -> [String]? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return count > 0
            ? String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").map(String.init) : nil
    }

    /// Waits for a message that has this line, and gives what came before it.
    @discardableResult
    func hears(_ line: String) async throws -> [[String]] {
        var before: [[String]] = []
        try await eventually("systemd hears \(line)") {
            while let message = next() {
                if message.contains(line) { return true }
                before.append(message)
            }
            return false
        }
        return before
    }

    func rest() -> [[String]] {
        var messages: [[String]] = []
        while let message = next() { messages.append(message) }
        return messages
    }
}

extension Acceptance {
    /// What a service manager is told, by sd_notify(3). That a hanging loop feeds no watchdog is tried by Tests/Package.
    @Suite struct SystemdTests {
        @Test func readinessLifeAndTheEndAreTold() async throws {
            try await withCluster(.calm) { cluster in
                try await cluster.start()
                // Whoever led has a vote.
                let peer = try await cluster.leader()
                try #require(try await peer.terminate() == .exit(0))
                let socket = try NotifySocket(in: peer.directory)
                try await peer.start(environment: ["NOTIFY_SOCKET": socket.path, "WATCHDOG_USEC": "400000"])
                let before = try await socket.hears("READY=1")
                try #require(before.isEmpty, "\(before)")
                // Ready is who serves: there is nothing to wait for.
                try #require(try await peer.get("/health/live").status == 200)

                let leader = try await cluster.leader()
                try await socket.hears("STATUS=ready, follows peer \(leader.id)")
                for other in cluster.others(than: peer) { try await other.kill() }
                try await socket.hears("STATUS=not ready, knows no leader")
                let sign = try await value("a sign of life") { socket.next() }
                try #require(sign.contains("WATCHDOG=1"), "\(sign)")

                try #require(try await peer.terminate() == .exit(0))
                let last = socket.rest()
                try #require(last.contains(["STOPPING=1"]), "\(last)")
                try #require(!last.contains { $0.contains("READY=1") }, "\(last)")
            }
        }

        @Test func whatCannotServeIsNotReady() async throws {
            try await withCluster { cluster in
                let peer = cluster.peers[0]
                let taken = try Listener(port: peer.apiPort)
                defer { withExtendedLifetime(taken) {} }
                let socket = try NotifySocket(in: peer.directory)
                try await peer.start(environment: ["NOTIFY_SOCKET": socket.path])
                try #require(try await peer.end() == .exit(75))
                let said = socket.rest()
                try #require(said.isEmpty, "\(said)")
            }
        }

        /// Another process's watchdog is not fed, and without one systemd is told the status alone.
        @Test func onlyAWatchdogThatIsAskedForIsFed() async throws {
            try await withCluster { cluster in
                let peer = cluster.peers[0]
                let socket = try NotifySocket(in: peer.directory)
                for environment in [["WATCHDOG_USEC": "400000", "WATCHDOG_PID": "1"], [:]] {
                    let given = environment.merging(["NOTIFY_SOCKET": socket.path]) { one, _ in one }
                    try await peer.start(environment: given)
                    try await socket.hears("READY=1")
                    let heard = try await value("a status") { socket.next() }
                    try #require(heard.count == 1 && heard[0].hasPrefix("STATUS="), "\(heard)")
                    try #require(try await peer.terminate() == .exit(0))
                    try #require(!socket.rest().contains { $0.contains("WATCHDOG=1") })
                }
            }
        }
    }
}
