import Glibc

/// Tells systemd how the daemon is, by the protocol of sd_notify(3). Does nothing where no systemd asked for it.
struct SystemdNotifier {
    /// In microseconds.
    private static let shortestInterval: Int64 = 100_000

    private let address: String?
    /// How often the watchdog wants to hear from the consensus loop: half of what systemd allows.
    let watchdogInterval: Duration?

    init(environment: [String: String]) {
        let path = environment["NOTIFY_SOCKET"] ?? ""
        address = path.hasPrefix("/") || path.hasPrefix("@") ? path : nil
        let isForUs = environment["WATCHDOG_PID"].map { Int32($0) == getpid() } ?? true
        watchdogInterval =
            isForUs && address != nil
            ? environment["WATCHDOG_USEC"].flatMap { Int64($0) }.map {
                .microseconds(max($0 / 2, Self.shortestInterval))
            }
            : nil
    }

    func ready() { send("READY=1") }
    func watchdog() { send("WATCHDOG=1") }
    func stopping() { send("STOPPING=1") }

    private func send(_ message: String) {
        guard let address else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
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
                _ = sendto(descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT), address, length)
            }
        }
    }
}
