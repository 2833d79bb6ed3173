// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

extension CommitBlockRequest {
    /// Reads the body of `commit_block`, which may be 16 MiB of hex on the way to the consensus loop: a body that holds
    /// the block alone is read in place, any other as JSON in general.
    public init(body: UnsafeRawBufferPointer) throws(MalformedDocument) {
        // What is not hex is not plain either, or is refused with more to say.
        if let digits = Self.digits(ofPlain: body),
            let bytes = try? Hex.decode(UnsafeRawBufferPointer(rebasing: digits))
        {
            block = HexBytes(bytes)
        } else {
            // JSON in general takes the consensus loop's time; nobody needs a large body of that kind.
            guard body.count <= Self.largestUnusualBody else {
                throw MalformedDocument(what: "a body of this size is {\"block\": \"<hex>\"} and nothing else")
            }
            self = try CommitBlockRequest(json: body)
        }
    }

    private static let largestUnusualBody = 64 << 10

    /// What stands between the quotes of `{"block":"..."}`; nil where it surely is something else.
    private static func digits(ofPlain body: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer>? {
        var rest = body[...]
        func isSpace(_ byte: UInt8) -> Bool {
            byte == 0x20 || (0x09...0x0d).contains(byte) && byte != 0x0b && byte != 0x0c
        }
        for word in ["{", "\"block\"", ":", "\""] {
            rest = rest.drop(while: isSpace)
            guard rest.starts(with: word.utf8) else { return nil }
            rest = rest.dropFirst(word.utf8.count)
        }
        for word in ["}", "\""] {
            while let last = rest.last, isSpace(last) { rest = rest.dropLast() }
            guard rest.last == word.utf8.first else { return nil }
            rest = rest.dropLast()
        }
        return rest
    }
}
