// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Keys

/// A bearer token, as RFC 6750 spells it.
struct Token: Hashable, Sendable {
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

/// What is wrong with a file of tokens. Never tells what stands in it.
struct TokenFileError: Error, Hashable, CustomStringConvertible {
    var path: String
    var problem: String

    var description: String { "\(path): \(problem)" }
}

/// The tokens of one file: one on each line, with the name of its owner before it or without. Lines that begin with `#`
/// and empty ones say nothing.
///
///     alice Zm9vYmFyYmF6cXV1eA
///     bob   cXV1eHF1dXV1eHF1dQ
struct TokenList: Hashable, Sendable {
    static let mostTokens = 64
    /// Of a name, in bytes.
    static let longestName = 64
    private static let longestFile = mostTokens * (longestName + Token.length.upperBound + 128)

    struct Owner: Hashable, Sendable {
        /// Empty: not named.
        var name: String
        var token: Token
    }

    private(set) var owners: [Owner]

    /// Whose token it is; nil when it is none of these. All are compared, whichever it is.
    func owner(of shown: some Collection<UInt8>) -> Owner? {
        owners.reduce(nil as Owner?) { found, owner in owner.token.matches(shown) ? owner : found }
    }

    func hasTokenOf(_ other: TokenList) -> Bool {
        !Set(owners.map(\.token)).isDisjoint(with: other.owners.map(\.token))
    }

    /// Reads the file at `path`, which nobody but its owner may read.
    init(file path: String) throws(TokenFileError) {
        let result: Result<TokenList, TokenFileError>
        do {
            result = try PrivateFile.withContents(of: path, longest: Self.longestFile) { contents in
                do throws(Problem) {
                    return .success(try TokenList(parsing: contents))
                } catch {
                    return .failure(TokenFileError(path: path, problem: error.words))
                }
            }
        } catch {
            let problem =
                switch error {
                case .unreadable(let reason): reason
                case .notAFile: "it is not a regular file"
                case .tooOpen(let mode):
                    "it has mode 0\(String(mode, radix: 8)), wanted 0600 or stricter; run: chmod 600 \(path)"
                case .tooLong: "it is over \(Self.longestFile) bytes"
                }
            throw TokenFileError(path: path, problem: problem)
        }
        self = try result.get()
    }

    private struct Problem: Error { var words: String }

    private init(parsing contents: UnsafeRawBufferPointer) throws(Problem) {
        owners = []
        for (number, whole) in contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .enumerated()
        {
            let line = whole.last == UInt8(ascii: "\r") ? whole.dropLast() : whole
            if line.first == UInt8(ascii: "#") { continue }
            let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            guard let last = words.last else { continue }
            let name = words.count == 2 ? Self.name(words[0]) : ""
            guard words.count <= 2, let name, let token = Token(last) else {
                throw Problem(
                    words: "line \(number + 1) is no token: \(Token.length.lowerBound) to \(Token.length.upperBound) "
                        + "letters, digits and -._~+/=, and a name of letters, digits and -._@ before it or none; make one "
                        + "with: head -c 24 /dev/urandom | base64")
            }
            guard !owners.contains(where: { $0.token == token || !name.isEmpty && $0.name == name }) else {
                throw Problem(words: "line \(number + 1) has the name or the token of an earlier line")
            }
            guard owners.count < Self.mostTokens else { throw Problem(words: "more than \(Self.mostTokens) tokens") }
            owners.append(Owner(name: name, token: token))
        }
        guard !owners.isEmpty else {
            throw Problem(words: "it holds no token; make one with: head -c 24 /dev/urandom | base64")
        }
    }

    /// nil: not a name.
    private static func name(_ word: some Collection<UInt8>) -> String? {
        guard word.count <= longestName else { return nil }
        let isName = word.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._@".utf8.contains(byte)
            }
        }
        return isName ? String(decoding: word, as: UTF8.self) : nil
    }
}
