// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Keys

/// A bearer token, as RFC 6750 spells it.
struct Token: Sendable {
    /// In bytes. One that can be guessed is none: 16 random letters are more than anybody tries over a network.
    static let length = 16...512

    private let bytes: [UInt8]

    /// nil: not a token, or one of another length.
    init?(_ text: some Collection<UInt8>) {
        guard Self.length.contains(text.count), text.allSatisfy(Self.isPermitted) else { return nil }
        bytes = Array(text)
    }

    /// Takes as long whatever the first difference is. Only whether the lengths are the same can be told by the time.
    func matches(_ other: some Collection<UInt8>) -> Bool {
        guard other.count == bytes.count else { return false }
        return zip(bytes, other).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func isPermitted(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~+/=".utf8.contains(byte)
        }
    }
}

/// A file with one token on its only line.
struct TokenFileError: Error, Hashable, CustomStringConvertible {
    var path: String
    var problem: String

    var description: String { "\(path): \(problem)" }
}

extension Token {
    /// Reads the token in the file at `path`, which nobody but its owner may read.
    init(file path: String) throws(TokenFileError) {
        func problem(_ text: String) -> TokenFileError { TokenFileError(path: path, problem: text) }
        let token: Token?
        do {
            token = try PrivateFile.withContents(of: path, longest: Self.length.upperBound + 2) { contents in
                var text = contents[...]
                if text.last == UInt8(ascii: "\n") { text.removeLast() }
                if text.last == UInt8(ascii: "\r") { text.removeLast() }
                return Token(text)
            }
        } catch {
            switch error {
            case .unreadable(let reason): throw problem(reason)
            case .notAFile: throw problem("it is not a regular file")
            case .tooOpen(let mode):
                throw problem("it has mode 0\(String(mode, radix: 8)), wanted 0600 or stricter; run: chmod 600 \(path)")
            case .tooLong: token = nil
            }
        }
        guard let token else {
            throw problem(
                "it holds no token: one line of \(Self.length.lowerBound) to \(Self.length.upperBound) letters, digits and "
                    + "-._~+/=; make one with: head -c 24 /dev/urandom | base64")
        }
        self = token
    }
}
