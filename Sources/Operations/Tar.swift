// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import CZlib

/// The archive format that every tar reads: POSIX.1-1988 ustar, regular files alone.
enum Tar {
    /// What comes behind the last file.
    static let end = [UInt8](repeating: 0, count: 2 * blockSize)

    private static let blockSize = 512
    private static let longestName = 100
    private static let longestPrefix = 155

    /// What stands before a file's bytes.
    /// - Parameters:
    ///   - name: a relative path of ASCII; nil is returned for one that the format has no room for.
    ///   - modified: seconds since 1970.
    static func header(name: String, size: Int, modified: Int64) -> [UInt8]? {
        guard let (prefix, rest) = split(Array(name.utf8)), let size = octal(Int64(size), digits: 11) else {
            return nil
        }
        var header: [UInt8] = []
        func put(_ bytes: some Collection<UInt8>, _ width: Int) {
            header += bytes
            header += [UInt8](repeating: 0, count: width - bytes.count)
        }
        put(rest, longestName)
        // Its owner alone reads it; who the owner is, whoever unpacks it decides.
        put("0000600".utf8, 8)
        put("0000000".utf8, 8)
        put("0000000".utf8, 8)
        put(size, 12)
        put(octal(max(0, modified), digits: 11) ?? [], 12)
        put("        0".utf8, 9)
        put([], longestName)
        put("ustar\0".utf8, 6)
        put("00".utf8, 2)
        put([], 32 + 32)
        put("0000000".utf8, 8)
        put("0000000".utf8, 8)
        put(prefix, longestPrefix)
        put([], blockSize - header.count)
        // Its own field counts as blanks.
        let sum = header.reduce(Int64(0)) { $0 + Int64($1) }
        header.replaceSubrange(148..<156, with: (octal(sum, digits: 6) ?? []) + [0, UInt8(ascii: " ")])
        return header
    }

    /// What stands behind a file's bytes.
    static func padding(size: Int) -> [UInt8] {
        [UInt8](repeating: 0, count: (blockSize - size % blockSize) % blockSize)
    }

    private static func octal(_ number: Int64, digits: Int) -> [UInt8]? {
        let text = Array(String(number, radix: 8).utf8)
        guard text.count <= digits else { return nil }
        return [UInt8](repeating: UInt8(ascii: "0"), count: digits - text.count) + text
    }

    /// A name that is too long is cut in two at a slash.
    private static func split(_ name: [UInt8]) -> (prefix: ArraySlice<UInt8>, rest: ArraySlice<UInt8>)? {
        guard !name.isEmpty else { return nil }
        if name.count <= longestName { return ([], name[...]) }
        let slash = name.indices.first { index in
            name[index] == UInt8(ascii: "/") && index > 0 && index <= longestPrefix
                && (1...longestName).contains(name.count - index - 1)
        }
        return slash.map { (name[..<$0], name[($0 + 1)...]) }
    }
}

enum Gzip {
    private static let roomBytes = 64 << 10
    /// zlib's largest window, and with a gzip header around it.
    private static let windowBits: Int32 = 15 + 16

    /// Compresses what `pieces` gives as one gzip file, and hands it on piece by piece.
    static func compress<Failure: Error>(
        _ pieces: some Sequence<[UInt8]>, write: (ArraySlice<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        // zlib remembers where its state is.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let status = deflateInit2_(
            stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib cannot compress: \(status)")
        defer {
            deflateEnd(stream)
            stream.deallocate()
        }
        var room = [UInt8](repeating: 0, count: roomBytes)
        func deflate(_ piece: [UInt8], _ flush: Int32) throws(Failure) {
            var rest = piece[...]
            while true {
                var count = 0
                let left = rest.withUnsafeBufferPointer { input in
                    room.withUnsafeMutableBufferPointer { output in
                        // zlib's type has no const; it does not write there.
                        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                        stream.pointee.avail_in = UInt32(clamping: input.count)
                        stream.pointee.next_out = output.baseAddress
                        stream.pointee.avail_out = UInt32(output.count)
                        let given = Int(stream.pointee.avail_in)
                        let status = CZlib.deflate(stream, flush)
                        precondition(status >= Z_OK || status == Z_BUF_ERROR, "zlib cannot compress: \(status)")
                        count = output.count - Int(stream.pointee.avail_out)
                        return input.count - (given - Int(stream.pointee.avail_in))
                    }
                }
                rest = rest.suffix(left)
                if count > 0 { try write(room[..<count]) }
                // Room that was not needed: zlib has nothing more to give for now.
                if rest.isEmpty, count < roomBytes { return }
            }
        }
        for piece in pieces { try deflate(piece, Z_NO_FLUSH) }
        try deflate([], Z_FINISH)
    }
}
