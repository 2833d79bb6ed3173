// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Configuration
import Glibc

/// The file of a unix socket: a process that ended in a hurry leaves it behind, and then nobody can listen there.
enum UnixSocketFile {
    struct Failure: Error, CustomStringConvertible {
        var path: String
        var problem: String
        var description: String { "api.unix_socket \(path): \(problem)" }
    }

    /// Removes what an earlier process left. Never anything but a socket on which nobody listens.
    static func clear(_ socket: UnixSocket) throws(Failure) {
        var status = stat()
        guard lstat(socket.path, &status) == 0 else {
            if errno == ENOENT { return }
            throw Failure(path: socket.path, problem: String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw Failure(
                path: socket.path, problem: "there is a file of that name that is no socket; choose another path")
        }
        guard !hasListener(socket.path) else {
            throw Failure(path: socket.path, problem: "another process serves it; give each peer a path of its own")
        }
        guard unlink(socket.path) == 0 || errno == ENOENT else {
            throw Failure(
                path: socket.path, problem: "the old socket cannot be removed: \(String(cString: strerror(errno)))")
        }
    }

    /// Until this is called nobody but the owner can connect: the process's umask leaves others no right to write.
    static func open(_ socket: UnixSocket) throws(Failure) {
        guard chmod(socket.path, mode_t(socket.mode)) == 0 else {
            throw Failure(path: socket.path, problem: "its mode cannot be set: \(String(cString: strerror(errno)))")
        }
    }

    static func remove(_ socket: UnixSocket) { _ = unlink(socket.path) }

    private static func hasListener(_ path: String) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return true }
        defer { _ = close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // A full queue has somebody behind it; only a refusal says that there is nobody.
        return result == 0 || errno != ECONNREFUSED
    }
}
