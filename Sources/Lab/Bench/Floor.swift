// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc

/// What the disk and the wire allow. A durable commit of a group of three cannot take less than one round trip and one sync,
/// while the other members sync at the same time.
struct Floor {
    /// Of one writer alone, and of as many at once as there are members.
    var sync = Latencies()
    var syncAtOnce = Latencies()
    /// One byte to another process's socket and back, over loopback.
    var roundTrip = Latencies()

    private static let fileBytes = 8 << 20

    /// Adds so many samples of each.
    mutating func measure(directory: String, bytes: Int, members: Int, samples: Int) throws {
        sync.add(try Self.syncs(directory, bytes, writers: 1, samples))
        syncAtOnce.add(try Self.syncs(directory, bytes, writers: members, samples))
        roundTrip.add(try Self.roundTrips(samples))
    }

    /// Appends so many bytes to a file that is there already, over and over, each time with fdatasync: no file system needs
    /// to find room or to change the file's size.
    private static func syncs(_ directory: String, _ bytes: Int, writers: Int, _ samples: Int) throws -> Latencies {
        let files = try (0..<writers).map { try file("\(directory)/floor-\($0)") }
        defer { for file in files { close(file) } }
        let work = files.map { Writer(file: $0, bytes: bytes, samples: samples) }
        let threads = try work.map { try Thread($0.run) }
        for thread in threads { thread.join() }
        var all = Latencies()
        for writer in work {
            if let failure = writer.failure {
                throw BenchFailure(
                    description:
                        "cannot write in \(directory): \(String(cString: strerror(failure))); give another --directory"
                )
            }
            all.add(writer.latencies)
        }
        return all
    }

    private static func file(_ path: String) throws -> Int32 {
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            throw BenchFailure(description: "cannot write \(path): \(String(cString: strerror(errno)))")
        }
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        for part in 0..<fileBytes >> 20 {
            guard pwrite(file, zeros, zeros.count, off_t(part << 20)) == zeros.count else {
                defer { close(file) }
                throw BenchFailure(description: "cannot write \(path): \(String(cString: strerror(errno)))")
            }
        }
        guard fsync(file) == 0 else {
            defer { close(file) }
            throw BenchFailure(description: "cannot sync \(path): \(String(cString: strerror(errno)))")
        }
        return file
    }

    private final class Writer: @unchecked Sendable {
        private let file: Int32
        private let samples: Int
        private let data: [UInt8]
        // Read when the thread has ended.
        private(set) var latencies = Latencies()
        private(set) var failure: Int32?

        init(file: Int32, bytes: Int, samples: Int) {
            self.file = file
            self.samples = samples
            data = [UInt8](repeating: 1, count: bytes)
        }

        func run() {
            var at = 0
            for _ in 0..<samples {
                if at + data.count > Floor.fileBytes { at = 0 }
                let start = LoadClock.now()
                guard pwrite(file, data, data.count, off_t(at)) == data.count, fdatasync(file) == 0 else {
                    failure = errno
                    return
                }
                latencies.add(LoadClock.now() - start)
                at += data.count
            }
        }
    }

    private static func roundTrips(_ samples: Int) throws -> Latencies {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port =
            withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                    bind(listener, generic, size) == 0 && listen(listener, 1) == 0
                        && getsockname(listener, generic, &size) == 0
                }
            } ? Int(in_port_t(bigEndian: address.sin_port)) : 0
        guard port > 0 else { throw BenchFailure(description: "cannot listen on loopback") }
        let near = try LoadConnection(port: port)
        let far = accept(listener, nil, nil)
        guard far >= 0 else { throw BenchFailure(description: "cannot take a connection over loopback") }
        let echo = try Thread {
            var byte: UInt8 = 0
            while recv(far, &byte, 1, 0) == 1, send(far, &byte, 1, Int32(MSG_NOSIGNAL)) == 1 {}
            close(far)
        }
        defer {
            shutdown(near.socket, Int32(SHUT_RDWR))
            echo.join()
        }
        var latencies = Latencies()
        var byte: UInt8 = 1
        for _ in 0..<samples {
            let start = LoadClock.now()
            var waiting = pollfd(fd: near.socket, events: Int16(POLLIN), revents: 0)
            guard send(near.socket, &byte, 1, Int32(MSG_NOSIGNAL)) == 1, poll(&waiting, 1, 1000) == 1,
                recv(near.socket, &byte, 1, 0) == 1
            else { throw BenchFailure(description: "a byte over loopback did not come back") }
            latencies.add(LoadClock.now() - start)
        }
        return latencies
    }

    /// Foundation has one, and costs 44 MB.
    private final class Thread {
        private final class Body: Sendable {
            let run: @Sendable () -> Void
            init(_ run: @escaping @Sendable () -> Void) { self.run = run }
        }

        private var handle = pthread_t()

        init(_ run: @escaping @Sendable () -> Void) throws {
            let body = Unmanaged.passRetained(Body(run)).toOpaque()
            let code = pthread_create(
                &handle, nil,
                { argument in
                    if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                    return nil
                }, body)
            guard code == 0 else { throw BenchFailure(description: "no thread: \(String(cString: strerror(code)))") }
        }

        func join() { pthread_join(handle, nil) }
    }
}
