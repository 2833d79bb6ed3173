// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that holds one private key: a line with its text. Blank lines and lines that begin with `#` are passed over.
public enum KeyFile {
    /// The longest file that is read, in bytes.
    public static let longest = 4096

    /// Reads the key in the file at `path`. What was read is wiped, apart from the key.
    public static func read(_ path: String) throws(KeyFileError) -> PrivateKey {
        let key: Result<PrivateKey, KeyFileError.Problem>
        do {
            key = try PrivateFile.withContents(of: path, longest: longest) { contents in
                Result { () throws(KeyFileError.Problem) in try Self.key(in: contents) }
            }
        } catch {
            throw KeyFileError(path, .init(error))
        }
        return try key.mapError { KeyFileError(path, $0) }.get()
    }

    static func key(in contents: UnsafeRawBufferPointer) throws(KeyFileError.Problem) -> PrivateKey {
        var found: PrivateKey?
        var number = 0
        var rest = contents[...]
        while !rest.isEmpty {
            number += 1
            let line = trimmed(rest.prefix { $0 != UInt8(ascii: "\n") })
            rest = rest.drop { $0 != UInt8(ascii: "\n") }.dropFirst()
            guard let first = line.first, first != UInt8(ascii: "#") else { continue }
            guard found == nil else { throw .secondLine(line: number) }
            do {
                found = try PrivateKey(text: UnsafeRawBufferPointer(rebasing: line))
            } catch {
                throw .badKey(line: number, error)
            }
        }
        guard let found else { throw .noKey }
        return found
    }

    private static func trimmed(_ line: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        func isBlank(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
        }
        var line = line.drop(while: isBlank)
        while let last = line.last, isBlank(last) {
            line = line.dropLast()
        }
        return line
    }
}

/// Why no key was read from a file. Says nothing of what stands in it.
public struct KeyFileError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Problem: Error, Hashable, Sendable {
        /// The system refused; `reason` in its words.
        case unreadable(reason: String)
        case notAFile
        /// Others than the owner may use the file, or it may be run.
        case tooOpen(mode: UInt32)
        case tooLong
        case noKey
        /// There is more behind the key. Lines count from 1.
        case secondLine(line: Int)
        case badKey(line: Int, InvalidKey)

        init(_ problem: PrivateFile.Problem) {
            self =
                switch problem {
                case .unreadable(let reason): .unreadable(reason: reason)
                case .notAFile: .notAFile
                case .tooOpen(let mode): .tooOpen(mode: mode)
                case .tooLong: .tooLong
                }
        }
    }

    public let path: String
    public let problem: Problem

    init(_ path: String, _ problem: Problem) {
        self.path = path
        self.problem = problem
    }

    public var description: String {
        let file = "key file \"\(path)\""
        return switch problem {
        case .unreadable(let reason): "cannot read the \(file): \(reason)"
        case .notAFile: "\(file) is not a regular file"
        case .tooOpen(let mode):
            "\(file) has mode 0\(String(mode, radix: 8)), wanted 0600 or stricter; run: chmod 600 \(path)"
        case .tooLong: "\(file) has more than \(KeyFile.longest) bytes; it should hold one line with a private key"
        case .noKey: "\(file) holds no key; write the private key (5... or PVT_K1_...) on a line of its own"
        case .secondLine(let line): "\(file), line \(line): there is more behind the key; leave one key in the file"
        case .badKey(let line, let problem): "\(file), line \(line): no private key: \(problem)"
        }
    }
}
