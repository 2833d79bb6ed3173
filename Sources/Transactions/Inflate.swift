// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import CZlib

/// Undoes zlib's compression, as wallets may use it for a transaction.
public enum Inflate {
    /// The most that nodeos unpacks of one transaction, in bytes (`transaction.cpp`, `read_limiter`).
    public static let greatestSize = 1 << 20

    /// nil when `bytes` are no whole zlib stream, or hold more than `limit` bytes. What follows the stream is passed over,
    /// as nodeos does. Never sets aside more than `limit` and a little.
    public static func inflate(_ bytes: ArraySlice<UInt8>, limit: Int = greatestSize) -> [UInt8]? {
        var stream = z_stream()
        guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        return bytes.withUnsafeBufferPointer { input -> [UInt8]? in
            // zlib's type has no const; it does not write there.
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.avail_in = UInt32(clamping: input.count)
            var result: [UInt8] = []
            while true {
                // One byte more than may be, to see that there is more.
                let room = min(max(4 * input.count, 4096), limit + 1 - result.count)
                var status = Z_OK
                let piece = [UInt8](unsafeUninitializedCapacity: room) { output, count in
                    stream.next_out = output.baseAddress
                    stream.avail_out = UInt32(clamping: room)
                    status = CZlib.inflate(&stream, Z_NO_FLUSH)
                    count = room - Int(stream.avail_out)
                }
                result += piece
                if result.count > limit { return nil }
                if status == Z_STREAM_END { return result }
                // Without an error it has used all that there was, or filled all the room.
                guard status == Z_OK, !piece.isEmpty || stream.avail_in > 0 else { return nil }
            }
        }
    }
}

extension UnpackedTransaction {
    /// Reads a packed transaction, compressed or not.
    public init?(_ bytes: ArraySlice<UInt8>, _ compression: PackedTransaction.Compression) {
        switch compression {
        case .none: self.init(unpacking: bytes)
        case .zlib:
            guard let inflated = Inflate.inflate(bytes) else { return nil }
            self.init(unpacking: inflated[...])
        }
    }
}
