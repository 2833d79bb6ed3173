// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import FoundationEssentials

/// Takes what must stay secret out of texts: passwords in URLs, bearer tokens, private keys, the values of words like
/// `password` and `token`, and secrets that are known by heart.
///
/// Rather too much than too little: what stands between a `://` and the last `@` of the same word goes, and a private key
/// in PEM without its end goes with all that follows. Doing it twice does what doing it once does.
public struct Scrubber: Sendable {
    /// What stands in the place of a secret.
    public static let mark = "***"
    /// Shorter secrets that are known by heart are left alone where they stand alone, in bytes: they are words like any
    /// other.
    public static let shortestKnown = 8

    private let known: [[UInt8]]

    /// - Parameter known: secrets, wherever they stand. Those shorter than `shortestKnown` are not looked for.
    public init(known: [String] = []) {
        // The longer first: one may be the beginning of another.
        self.known = known.map { Array($0.utf8) }.filter { $0.count >= Self.shortestKnown }
            .sorted { $0.count > $1.count }
    }

    /// Whether what stands under this name is a secret: `PRODHA_TOKEN`, `api-key`. Not `token_file`.
    public static func isSecret(_ name: String) -> Bool { Scan.isSecretName(Array(name.utf8)[...]) }

    /// Takes time in proportion to the length of `text`.
    public func scrubbed(_ text: String) -> String {
        let bytes = Array(text.utf8)
        // First of all: nothing that stands beside them may hide them.
        var clean = known.isEmpty ? bytes : withoutKnown(bytes)
        for pass in [Scan.Pass.forms, .places] {
            var scan = Scan(clean)
            if scan.run(pass) { clean = scan.output }
        }
        return clean == bytes ? text : String(decoding: clean, as: UTF8.self)
    }

    private func withoutKnown(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            if let secret = known.first(where: { bytes[at] == $0[0] && bytes[at...].starts(with: $0) }) {
                result += Self.mark.utf8
                at += secret.count
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return result
    }
}

extension JSONValue {
    /// Without secrets in its texts, and without the texts that stand under a word like `password`.
    public func scrubbed(_ scrubber: Scrubber) -> JSONValue {
        switch self {
        case .null, .bool, .integer, .number: return self
        case .string(let text): return .string(scrubber.scrubbed(text))
        case .array(let items): return .array(items.map { $0.scrubbed(scrubber) })
        case .object(let members):
            let clean = members.map { key, value -> (String, JSONValue) in
                if case .string = value, Scrubber.isSecret(key) {
                    return (key, .string(Scrubber.mark))
                }
                return (scrubber.scrubbed(key), value.scrubbed(scrubber))
            }
            return .object(Dictionary(clean) { first, _ in first })
        }
    }
}

extension Document {
    /// Without secrets.
    /// - Throws: when what is left is no such document.
    public func scrubbed(_ scrubber: Scrubber) throws(MalformedDocument) -> Self {
        let written = json()
        let text = String(decoding: written, as: UTF8.self)
        // Most have none. What is escaped in JSON is seen only when it has been read.
        if !written.contains(UInt8(ascii: "\\")), scrubber.scrubbed(text) == text { return self }
        let clean: [UInt8]
        do {
            let value = try JSONDecoder().decode(JSONValue.self, from: Data(written))
            clean = Array(try JSONEncoder().encode(value.scrubbed(scrubber)))
        } catch {
            throw MalformedDocument(error)
        }
        return try Self(json: clean)
    }
}

/// One pass over a text.
private struct Scan {
    enum Pass {
        /// Keys and tokens, which are secret by their form. They go before what could take a part of one.
        case forms
        /// What is secret by where it stands.
        case places
    }

    private let input: [UInt8]
    private(set) var output: [UInt8] = []
    /// The next byte to be looked at.
    private var at = 0
    /// The words before this place have been searched for passwords.
    private var searched = 0

    init(_ input: [UInt8]) { self.input = input }

    /// False: there was nothing to take out.
    mutating func run(_ pass: Pass) -> Bool {
        output.reserveCapacity(input.count)
        var isChanged = false
        while at < input.count {
            let byte = input[at]
            let isTaken =
                switch (pass, byte) {
                case (.forms, UInt8(ascii: "-")): takeKeyBlock()
                case (.forms, UInt8(ascii: "P")): takePrivateKey()
                case (.forms, UInt8(ascii: "5")): takeWIF()
                case (.forms, UInt8(ascii: "b")), (.forms, UInt8(ascii: "B")): takeAuthorization()
                default: false
                }
            if isTaken {
                isChanged = true
                continue
            }
            output.append(byte)
            at += 1
            switch (pass, byte) {
            case (.places, UInt8(ascii: ":")):
                if takePassword() || takeValue() { isChanged = true }
            case (.places, UInt8(ascii: "=")):
                if takeValue() { isChanged = true }
            default: break
            }
        }
        return isChanged
    }

    private mutating func put(_ text: String) { output += text.utf8 }

    private enum Letters {
        case exact, anyCase
    }

    /// - Parameter text: in lower case for any.
    private func has(_ text: StaticString, at place: Int, _ letters: Letters = .exact) -> Bool {
        let count = text.utf8CodeUnitCount
        guard place + count <= input.count else { return false }
        let ignored: UInt8 = letters == .anyCase ? 0x20 : 0
        return (0..<count).allSatisfy { input[place + $0] | ignored == text.utf8Start[$0] }
    }

    /// Where a run of such bytes ends.
    private func end(from place: Int, while belongs: (UInt8) -> Bool) -> Int {
        var place = place
        while place < input.count, belongs(input[place]) { place += 1 }
        return place
    }

    // MARK: - Secrets with a form of their own

    /// `-----BEGIN EC PRIVATE KEY-----` to the end of a whole END line, or of the text.
    private mutating func takeKeyBlock() -> Bool {
        guard let begin = endOfMark("-----BEGIN ", at: at) else { return false }
        put(Scrubber.mark)
        at = begin
        while at < input.count {
            if input[at] == UInt8(ascii: "-"), let end = endOfMark("-----END ", at: at) {
                at = end
                break
            }
            at += 1
        }
        return true
    }

    /// Where a line that begins so, and names a private key, ends.
    private func endOfMark(_ beginning: StaticString, at place: Int) -> Int? {
        guard has(beginning, at: place) else { return nil }
        let label = place + beginning.utf8CodeUnitCount
        let end = end(from: label) { $0 != UInt8(ascii: "-") && $0 >= 0x20 }
        guard end - label <= 64, end - 11 >= label, has("PRIVATE KEY", at: end - 11), has("-----", at: end) else {
            return nil
        }
        return end + 5
    }

    /// `PVT_K1_...`
    private mutating func takePrivateKey() -> Bool {
        guard ["PVT_K1_", "PVT_R1_", "PVT_WA_"].contains(where: { has($0, at: at) }) else { return false }
        let end = end(from: at + 7, while: Self.isLetterOrDigit)
        guard end > at + 7 else { return false }
        output += input[at..<at + 7]
        put(Scrubber.mark)
        at = end
        return true
    }

    /// A private key as wallets import it: 51 characters that begin with 5H, 5J or 5K.
    private mutating func takeWIF() -> Bool {
        guard at + 51 <= input.count, "HJK".utf8.contains(input[at + 1]),
            input[at..<at + 51].allSatisfy(Self.isBase58)
        else { return false }
        put(Scrubber.mark)
        at += 51
        return true
    }

    /// `Bearer <token>`, `Basic <base64>`.
    private mutating func takeAuthorization() -> Bool {
        let word = has("bearer", at: at, .anyCase) ? at + 6 : has("basic", at: at, .anyCase) ? at + 5 : at
        guard word > at else { return false }
        let start = end(from: word) { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard start > word else { return false }
        let end = end(from: start) { Self.isLetterOrDigit($0) || "-._~+/=".utf8.contains($0) }
        guard end - start >= Scrubber.shortestKnown else { return false }
        output += input[at..<start]
        put(Scrubber.mark)
        at = end
        return true
    }

    // MARK: - URLs

    /// Behind the colon of `scheme://user:password@host`. A lone user stays for AMQP, where it is one; elsewhere it may be
    /// a token.
    private mutating func takePassword() -> Bool {
        guard has("//", at: at), at >= 2, Self.isLetterOrDigit(input[at - 2]) else { return false }
        let start = at + 2
        guard start >= searched else { return false }
        searched = end(from: start, while: Self.isOfWord)
        guard let mark = input[start..<searched].lastIndex(of: UInt8(ascii: "@")) else { return false }
        let colon = input[start..<mark].firstIndex(of: UInt8(ascii: ":"))
        let user = input[start..<(colon ?? mark)]
        // What looks like more than a name goes too.
        let isName = user.count <= 48 && user.allSatisfy { Self.isOfName($0) || ".%".utf8.contains($0) }
        var scheme = at - 1
        while scheme > 0, Self.isLetterOrDigit(input[scheme - 1]) { scheme -= 1 }
        let isAMQP = ["amqp", "amqps"].contains(String(decoding: input[scheme..<at - 1], as: UTF8.self).lowercased())
        if colon == nil, isAMQP, isName { return false }
        output += input[at..<(isName ? colon.map { $0 + 1 } ?? start : start)]
        put(Scrubber.mark)
        at = mark
        return true
    }

    /// Where a URL may go on. A `'` may stand in a password.
    private static func isOfWord(_ byte: UInt8) -> Bool { byte > 0x20 && byte != 0x7f && !"\"<>`".utf8.contains(byte) }

    // MARK: - Names and values

    private static let secretNames: [[UInt8]] = [
        "password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey", "accesskey", "secretkey",
        "authorization", "credential", "credentials", "cookie",
    ].map { Array($0.utf8) }

    static func isSecretName(_ name: ArraySlice<UInt8>) -> Bool {
        // The shortest has five letters.
        guard name.count >= 5 else { return false }
        let letters = name.filter(isLetterOrDigit).map { isUpper($0) ? $0 | 0x20 : $0 }
        return secretNames.contains { letters.suffix($0.count) == $0[...] }
    }

    /// Behind `name=`, `name: `, `"name":"`: the value goes, up to the quote that ends it, or as one word. All of the line
    /// for `Authorization: Bearer x`.
    private mutating func takeValue() -> Bool {
        let delimiter = at - 1
        func isQuote(_ byte: UInt8) -> Bool { "\"'\\".utf8.contains(byte) }
        var nameEnd = delimiter
        while nameEnd > 0, delimiter - nameEnd < 4, isQuote(input[nameEnd - 1]) { nameEnd -= 1 }
        var name = nameEnd
        while name > 0, nameEnd - name < 64, Self.isOfName(input[name - 1]) { name -= 1 }
        guard Self.isSecretName(input[name..<nameEnd]) else { return false }
        // `/etc/prodha/operator.token: Permission denied`
        if input[delimiter] == UInt8(ascii: ":"), name > 0, "./".utf8.contains(input[name - 1]) { return false }
        let start = end(from: at) { $0 == UInt8(ascii: " ") || isQuote($0) }
        let quote = start > at ? input[start - 1] : 0
        let isWholeLine = input[name..<nameEnd].suffix(13).map { $0 | 0x20 } == Array("authorization".utf8)
        let end: Int
        if quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            // JSON within a JSON text: the quotes are escaped, too, and a backslash is the end.
            let isNested = start >= at + 2 && input[start - 2] == UInt8(ascii: "\\")
            end = endOfQuoted(from: start, quote, isNested: isNested)
        } else if isWholeLine {
            end = self.end(from: start) { $0 >= 0x20 && !isQuote($0) }
        } else {
            // `token=Bearer x` is one value.
            let scheme = has("bearer ", at: start, .anyCase) ? 7 : has("basic ", at: start, .anyCase) ? 6 : 0
            let word = self.end(from: start + scheme) { $0 == UInt8(ascii: " ") && scheme > 0 }
            end = self.end(from: word) { $0 > 0x20 && !isQuote($0) && !",;&|<>()[]{}".utf8.contains($0) }
        }
        guard end > start else { return false }
        output += input[at..<start]
        put(Scrubber.mark)
        at = end
        return true
    }

    private func endOfQuoted(from start: Int, _ quote: UInt8, isNested: Bool) -> Int {
        var place = start
        while place < input.count, input[place] != quote, input[place] >= 0x20 {
            let isEscape = input[place] == UInt8(ascii: "\\")
            if isEscape, isNested { break }
            place += isEscape ? 2 : 1
        }
        return min(place, input.count)
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    // MARK: - Bytes

    private static func isUpper(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        isUpper(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isBase58(_ byte: UInt8) -> Bool { isLetterOrDigit(byte) && !"0OIl".utf8.contains(byte) }
}
