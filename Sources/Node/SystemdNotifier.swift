// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Glibc

/// Tells systemd how the daemon is, by the protocol of sd_notify(3). Does nothing where no systemd asked for it.
struct SystemdNotifier {
    /// In microseconds.
    private static let shortestInterval: Int64 = 100_000
    private static let longestInterval: Int64 = 1_000_000
    /// How long a message that is sent once may wait for a busy systemd, in microseconds.
    private static let longestWait = 500_000

    private let address: String?
    private let hasWatchdog: Bool
    /// How often systemd is to hear from the consensus loop: twice as often as its watchdog wants, and each second. nil where
    /// nobody listens.
    let interval: Duration?

    init(environment: [String: String]) {
        let path = environment["NOTIFY_SOCKET"] ?? ""
        address = path.hasPrefix("/") || path.hasPrefix("@") ? path : nil
        let isForUs = environment["WATCHDOG_PID"].map { Int32($0) == getpid() } ?? true
        let limit = isForUs ? environment["WATCHDOG_USEC"].flatMap { Int64($0) } : nil
        hasWatchdog = limit != nil
        let half = (limit ?? 2 * Self.longestInterval) / 2
        interval =
            address == nil ? nil : .microseconds(min(max(half, Self.shortestInterval), Self.longestInterval))
    }

    func ready() { send("READY=1", isPatient: true) }
    func stopping() { send("STOPPING=1", isPatient: true) }

    /// To be called by the consensus loop, every `interval`.
    /// - Parameter status: a line for `systemctl status`.
    func isAlive(status: String) {
        send("STATUS=\(status)\(hasWatchdog ? "\nWATCHDOG=1" : "")", isPatient: false)
    }

    private func send(_ message: String, isPatient: Bool) {
        guard let address else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var wait = timeval(tv_sec: 0, tv_usec: Self.longestWait)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        var path = Array(address.utf8)
        if path.first == UInt8(ascii: "@") { path[0] = 0 }
        guard path.count < MemoryLayout.size(ofValue: target.sun_path) else { return }
        withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: path) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        let bytes = Array(message.utf8)
        withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = sendto(descriptor, bytes, bytes.count, isPatient ? 0 : Int32(MSG_DONTWAIT), address, length)
            }
        }
    }
}
