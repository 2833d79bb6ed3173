/// One entry of the log.
public struct Entry {
    public var index: UInt64
    public var term: UInt64
    public var kind: UInt8
    public var blockNumber: UInt32
    public var payload: [UInt8]

    public init(index: UInt64, term: UInt64, kind: UInt8, blockNumber: UInt32, payload: [UInt8]) {
        self.index = index
        self.term = term
        self.kind = kind
        self.blockNumber = blockNumber
        self.payload = payload
    }
}

/// The row that changes with every batch.
public struct Peer {
    public var term: UInt64
    public var vote: UInt64
    public var promise: UInt64
    public var commit: UInt64

    public init(term: UInt64, vote: UInt64, promise: UInt64, commit: UInt64) {
        self.term = term
        self.vote = vote
        self.promise = promise
        self.commit = commit
    }
}

/// What the daemon asks of its store. Each call is one transaction and durable when it returns.
public protocol Store: AnyObject {
    /// Removes the entries from `truncatingFrom` up, adds `entries`, drops those below `droppingBelow`, sets the row.
    func write(_ entries: [Entry], peer: Peer, truncatingFrom: UInt64?, droppingBelow: UInt64?) throws
    /// Payload bytes of `count` entries from `index` on, copied out.
    func read(from index: UInt64, count: Int) throws -> [Entry]
    /// Index, term, kind and block number of all entries, in order.
    func scan(_ body: (UInt64, UInt64, UInt8, UInt32) -> Void) throws
    /// Housekeeping at leisure; true if anything was done.
    func tidy() throws -> Bool
    func close() throws
}

public struct StoreError: Error, CustomStringConvertible {
    public var description: String

    public init(_ description: String) {
        self.description = description
    }
}
