// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// Files, through the C library: bounded reads, and what the rules ask about the files that a configuration names.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why a file could not be read, in the system's words.
struct FileProblem: Error, Hashable {
    var reason: String

    static func ofSystem(_ number: Int32 = errno) -> FileProblem {
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(number, &buffer, buffer.count) == 0 else { return FileProblem(reason: "error \(number)") }
        let letters = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return FileProblem(reason: String(decoding: letters, as: UTF8.self))
    }
}

enum FileAccess {
    /// A regular file that this process can read.
    struct Facts: Hashable {
        /// The permission bits.
        var mode: UInt32
        var isEmpty: Bool
        /// It belongs to root, and systemd lets this user read it by an access control list, whose bits the mode shows as the
        /// group's: a credential.
        var isLent: Bool
    }

    static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

    /// Up to `limit` bytes of a file.
    static func read(_ path: String, limit: Int) throws(FileProblem) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .ofSystem() }
        defer { _ = close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < limit {
            let wanted = min(chunk.count, limit - bytes.count)
            let count = chunk.withUnsafeMutableBytes { systemRead(descriptor, $0.baseAddress, wanted) }
            if count < 0 {
                if errno == EINTR { continue }
                throw .ofSystem()
            }
            if count == 0 { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return bytes
    }

    private static func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
        #if canImport(Glibc)
            Glibc.read(descriptor, buffer, count)
        #elseif canImport(Musl)
            Musl.read(descriptor, buffer, count)
        #else
            Darwin.read(descriptor, buffer, count)
        #endif
    }

    static func inspect(_ path: String) throws(FileProblem) -> Facts {
        var status = stat()
        guard stat(path, &status) == 0 else { throw .ofSystem() }
        guard status.st_mode & S_IFMT == S_IFREG else { throw FileProblem(reason: "not a regular file") }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .ofSystem() }
        _ = close(descriptor)
        return Facts(
            mode: UInt32(status.st_mode & 0o7777), isEmpty: status.st_size == 0,
            isLent: status.st_uid == 0 && status.st_gid == 0 && geteuid() != 0)
    }
}

/// Whether the files that a configuration names are looked at.
enum FileChecks {
    /// The file is for a peer that is to run here.
    case performed
    /// The file is read for what it says about the group, on any machine.
    case skipped
}

extension ObjectReader {
    /// The path that `key` gives, checked to be a readable file. Nil: not given, or wrong and reported.
    func file(_ key: String, checks: FileChecks, privacy: FilePrivacy = .notNeeded, empty: Empty = .isWrong) -> String?
    {
        guard let path = text(key, like: "/etc/prodha/\(key)", empty: empty) else { return nil }
        guard checks == .performed else { return path }
        do {
            let facts = try FileAccess.inspect(path)
            let mode = "0" + String(facts.mode, radix: 8)
            switch privacy {
            case .required where facts.mode & 0o177 & ~(facts.isLent ? 0o040 : 0) != 0:
                error(
                    key, "\(path.quoted) has mode \(mode), wanted 0600 or stricter", "run: chmod 600 \(path.shortened)")
                return nil
            case .advised where facts.mode & 0o007 != 0:
                warn(
                    key, "the private key \(path.quoted) has mode \(mode), open to everyone on this machine",
                    "run: chmod 600 \(path.shortened)")
            case .required, .advised, .notNeeded:
                break
            }
            if facts.isEmpty {
                error(key, "the file \(path.quoted) is empty", "check the path")
                return nil
            }
            return path
        } catch {
            self.error(
                key, "cannot read \(path.quoted): \(error.reason)",
                path.hasPrefix("/") ? "check the path" : "a relative path counts from the working directory")
            return nil
        }
    }

    /// Who else may read a file with a secret in it.
    enum FilePrivacy {
        case notNeeded
        /// Warns when everyone on the machine can read it.
        case advised
        /// Mode 0600 or stricter.
        case required
    }
}
