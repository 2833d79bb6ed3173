import Glibc
import Store

/// The floor: write the bytes, fdatasync. Not a store; it reads nothing back.
public final class FloorStore: Store {
    private let descriptor: CInt
    private let size: Int
    private var offset = 0
    private var buffer: [UInt8] = []

    /// `reusing` bytes are written with zeros first and then used round and round; 0 lets the file grow.
    public init(path: String, reusing size: Int) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0 else { throw StoreError("open: \(errno)") }
        self.size = size
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        for position in stride(from: 0, to: size, by: zeros.count) {
            guard pwrite(descriptor, zeros, zeros.count, position) == zeros.count else { throw StoreError("\(errno)") }
        }
        fsync(descriptor)
    }

    public func write(_ entries: [Entry], peer: Peer, truncatingFrom: UInt64?, droppingBelow: UInt64?) throws {
        buffer.removeAll(keepingCapacity: true)
        func put(_ value: UInt64) { withUnsafeBytes(of: value) { buffer.append(contentsOf: $0) } }
        for value in [peer.term, peer.vote, peer.promise, peer.commit] { put(value) }
        for entry in entries {
            put(entry.index)
            put(entry.term)
            put(UInt64(entry.kind) << 32 | UInt64(entry.blockNumber))
            buffer.append(contentsOf: entry.payload)
        }
        if size > 0, offset + buffer.count > size { offset = 0 }
        guard pwrite(descriptor, buffer, buffer.count, offset) == buffer.count, fdatasync(descriptor) == 0 else {
            throw StoreError("write: \(errno)")
        }
        offset += buffer.count
    }

    public func read(from index: UInt64, count: Int) throws -> [Entry] { [] }
    public func scan(_ body: (UInt64, UInt64, UInt8, UInt32) -> Void) throws {}
    public func tidy() throws -> Bool { false }
    public func close() throws { _ = Glibc.close(descriptor) }
}
