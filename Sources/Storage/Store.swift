import ProducerHA
import Raft

/// The shape of a group, which is fixed once it has run.
public struct GroupShape: Hashable, Sendable {
    public var id: PeerID
    public var peers: [PeerID]
    public var quorum: Int

    public init(id: PeerID, peers: [PeerID], quorum: Int) {
        self.id = id
        self.peers = peers.sorted()
        self.quorum = quorum
    }
}

/// What this peer alone remembers of its configuration file: the flag that says whether the region is active.
public struct FlagRecord: Hashable, Sendable {
    /// The value that was last read; nil before the first start.
    public var lastRead: Bool?
    /// An edit of the file, and the region's epoch when it was noticed.
    public var edit: Edit?

    public struct Edit: Hashable, Sendable {
        public var isActive: Bool
        public var epoch: UInt64

        public init(isActive: Bool, epoch: UInt64) {
            self.isActive = isActive
            self.epoch = epoch
        }
    }

    public init(lastRead: Bool? = nil, edit: Edit? = nil) {
        self.lastRead = lastRead
        self.edit = edit
    }
}

/// An entry without its payload, and the first bytes of that.
public struct EntryOutline: Sendable {
    public var entry: Entry
    public var size: Int
    public var height: UInt32?
}

/// The durable data of one peer. Used from one thread at a time.
public final class Store {
    private static let format = 1
    /// Pages of the write-ahead log after which it is copied into the database: at leisure, and at the latest.
    private static let leisurelyCheckpoint = 2_000
    private static let urgentCheckpoint = 16_000
    /// Entries dropped with each write, so that a long log is dropped in pieces.
    private static let droppedAtOnce: UInt64 = 256

    private let directory: DataDirectory
    private let database: Database
    private let insert, truncate, drop, select, outline: Statement
    private let setState, setSnapshot, setFlag, moveBase: Statement
    private var base: (index: LogIndex, term: Term) = (0, 0)
    /// The oldest entry that may still take room; what lies at or below the base is not part of the log any more.
    private var oldest: LogIndex = 1

    /// Opens the data in `directory`, or makes it. The data of a group of another shape is refused.
    public init(directory: DataDirectory, shape: GroupShape) throws(StoreError) {
        self.directory = directory
        let database = try Database(path: directory.databasePath)
        self.database = database
        try database.execute(
            """
            PRAGMA page_size=4096; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
            PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=-1; PRAGMA secure_delete=OFF;
            PRAGMA cache_size=-1024;
            """)
        try Self.makeTables(database)
        try Self.check(shape, database)
        insert = try database.prepare(
            "INSERT INTO entry (i, term, kind, height, size, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        truncate = try database.prepare("DELETE FROM entry WHERE i >= ?1")
        drop = try database.prepare("DELETE FROM entry WHERE i <= ?1")
        select = try database.prepare("SELECT i, term, kind, payload FROM entry WHERE i BETWEEN ?1 AND ?2 ORDER BY i")
        outline = try database.prepare(
            """
            SELECT i, term, kind, height, size, substr(payload, 1, ?3) FROM entry WHERE i BETWEEN ?1 AND ?2 ORDER BY i
            """)
        setState = try database.prepare(
            "UPDATE peer SET term = ?1, vote = ?2, promise_ns = ?3, votes_from = ?4, commit_index = ?5")
        setSnapshot = try database.prepare("INSERT OR REPLACE INTO snapshot VALUES (1, ?1, ?2, ?3)")
        setFlag = try database.prepare("UPDATE peer SET flag = ?1, edit_flag = ?2, edit_epoch = ?3")
        moveBase = try database.prepare("UPDATE peer SET base_index = ?1, base_term = ?2")
        database.watchLog()
    }

    private static func makeTables(_ database: Database) throws(StoreError) {
        let version = try database.prepare("PRAGMA user_version")
        var found = 0
        try version.query([]) { row in
            found = Int(row.number(0))
            return false
        }
        guard found <= format else { throw .newerFormat(path: database.path, found: found, known: format) }
        guard found == 0 else { return }
        try database.transaction { () throws(StoreError) in
            try database.execute(
                """
                CREATE TABLE entry (
                    i INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL, height INTEGER,
                    size INTEGER NOT NULL, payload BLOB NOT NULL
                );
                CREATE TABLE peer (
                    one INTEGER PRIMARY KEY CHECK (one = 1),
                    term INTEGER NOT NULL DEFAULT 0, vote INTEGER, promise_ns INTEGER NOT NULL DEFAULT 0,
                    votes_from INTEGER, commit_index INTEGER NOT NULL DEFAULT 0,
                    base_index INTEGER NOT NULL DEFAULT 0, base_term INTEGER NOT NULL DEFAULT 0,
                    flag INTEGER, edit_flag INTEGER, edit_epoch INTEGER
                );
                INSERT INTO peer (one) VALUES (1);
                CREATE TABLE snapshot (
                    one INTEGER PRIMARY KEY CHECK (one = 1), i INTEGER NOT NULL, term INTEGER NOT NULL,
                    state BLOB NOT NULL
                );
                CREATE TABLE shape (id INTEGER NOT NULL, quorum INTEGER NOT NULL);
                CREATE TABLE member (id INTEGER PRIMARY KEY);
                PRAGMA user_version = \(format);
                """)
        }
    }

    private static func check(_ shape: GroupShape, _ database: Database) throws(StoreError) {
        var stored: (id: Int, quorum: Int)?
        try database.prepare("SELECT id, quorum FROM shape").query([]) { row in
            stored = (Int(row.number(0)), Int(row.number(1)))
            return false
        }
        var members: [PeerID] = []
        try database.prepare("SELECT id FROM member ORDER BY id").query([]) { row in
            members.append(PeerID(Int(row.number(0))))
            return true
        }
        var hasRun = false
        try database.prepare("SELECT term > 0 OR EXISTS (SELECT 1 FROM entry) FROM peer").query([]) { row in
            hasRun = row.number(0) != 0
            return false
        }
        if let stored, hasRun {
            func refuse(_ what: String, _ stored: String, _ configured: String) -> StoreError {
                .otherGroup(path: database.path, what: what, stored: stored, configured: configured)
            }
            func list(_ peers: [PeerID]) -> String { peers.map(\.description).joined(separator: ", ") }
            guard stored.id == shape.id.value else { throw refuse("peer id", "\(stored.id)", "\(shape.id)") }
            guard members.count == shape.peers.count else {
                throw refuse("number of peers", "\(members.count)", "\(shape.peers.count)")
            }
            guard members == shape.peers else { throw refuse("peers", list(members), list(shape.peers)) }
            guard stored.quorum == shape.quorum else {
                throw refuse("quorum size", "\(stored.quorum)", "\(shape.quorum)")
            }
            return
        }
        let setShape = try database.prepare("INSERT INTO shape VALUES (?1, ?2)")
        let addMember = try database.prepare("INSERT INTO member VALUES (?1)")
        try database.transaction { () throws(StoreError) in
            try database.execute("DELETE FROM shape; DELETE FROM member;")
            try setShape.run([Int64(shape.id.value), Int64(shape.quorum)])
            for peer in shape.peers { try addMember.run([Int64(peer.value)]) }
        }
    }

    // MARK: - Reading

    /// What the store holds, without the entries.
    public struct Contents: Sendable {
        public var hardState: HardState
        public var base: (index: LogIndex, term: Term)
        public var terms: [TermRun]
        public var lastIndex: LogIndex
        public var snapshot: Snapshot?
        public var flag: FlagRecord
    }

    public func contents() throws(StoreError) -> Contents {
        var state = HardState()
        var flag = FlagRecord()
        try database.prepare(
            """
            SELECT term, vote, promise_ns, votes_from, commit_index, base_index, base_term, flag, edit_flag, edit_epoch
            FROM peer
            """
        ).query([]) { row in
            state.term = row.number(0)
            state.vote = row.signed(1).map { PeerID(Int($0)) }
            state.promise = .nanoseconds(Int64(row.number(2)))
            state.votesFrom = row.signed(3).map { UInt64($0) }
            state.commit = row.number(4)
            base = (row.number(5), row.number(6))
            flag.lastRead = row.signed(7).map { $0 != 0 }
            if let edit = row.signed(8), let epoch = row.signed(9) {
                flag.edit = FlagRecord.Edit(isActive: edit != 0, epoch: UInt64(epoch))
            }
            return false
        }
        var snapshot: Snapshot?
        try database.prepare("SELECT i, term, state FROM snapshot").query([]) { row in
            snapshot = Snapshot(index: row.number(0), term: row.number(1), state: row.blob(2))
            return false
        }
        var terms: [TermRun] = []
        let log = Int64(clamping: base.index)
        try database.prepare("SELECT MIN(i), term FROM entry WHERE i > ?1 GROUP BY term ORDER BY 1").query([log]) { row in
            terms.append(TermRun(first: row.number(0), term: row.number(1)))
            return true
        }
        var lastIndex = base.index
        var count: UInt64 = 0
        try database.prepare("SELECT MAX(i), COUNT(*) FROM entry WHERE i > ?1").query([log]) { row in
            if let last = row.signed(0) { lastIndex = UInt64(last) }
            count = row.number(1)
            return false
        }
        try database.prepare("SELECT MIN(i) FROM entry").query([]) { row in
            oldest = row.signed(0).map { UInt64($0) } ?? base.index + 1
            return false
        }
        guard count == lastIndex - base.index, state.commit <= lastIndex, (snapshot?.index ?? 0) <= lastIndex,
            (snapshot?.index ?? 0) >= base.index
        else {
            let reason =
                "\(count) entries between \(base.index) and \(lastIndex), commit index \(state.commit), "
                + "snapshot at \(snapshot?.index ?? 0)"
            throw .damaged(path: database.path, reason: reason)
        }
        return Contents(
            hardState: state, base: base, terms: terms, lastIndex: lastIndex, snapshot: snapshot, flag: flag)
    }

    /// Consecutive entries, until `bytes` of payload are reached, but one at least if there is one.
    public func entries(from first: LogIndex, through last: LogIndex, bytes: Int = .max) throws(StoreError) -> [Entry] {
        guard first <= last else { return [] }
        var entries: [Entry] = []
        var size = 0
        try select.query([Int64(first), Int64(clamping: last)]) { row in
            let entry = Entry(
                index: row.number(0), term: row.number(1), kind: EntryKind(rawValue: UInt8(truncatingIfNeeded: row.number(2))),
                payload: row.blob(3))
            size += entry.payload.count
            if size > bytes && !entries.isEmpty { return false }
            entries.append(entry)
            return true
        }
        return entries
    }

    /// Entries with only the first `prefix` bytes of their payloads.
    public func outlines(
        from first: LogIndex, through last: LogIndex, prefix: Int, _ body: (EntryOutline) -> Bool
    ) throws(StoreError) {
        guard first <= last else { return }
        try outline.query([Int64(first), Int64(clamping: last), Int64(prefix)]) { row in
            let entry = Entry(
                index: row.number(0), term: row.number(1), kind: EntryKind(rawValue: UInt8(truncatingIfNeeded: row.number(2))),
                payload: row.blob(5))
            return body(
                EntryOutline(entry: entry, size: Int(row.number(4)), height: row.signed(3).map { UInt32(truncatingIfNeeded: $0) }))
        }
    }

    // MARK: - Writing

    /// One thing to write.
    public enum Write: Sendable {
        case persist(Persist)
        /// A snapshot of this peer's own, and up to where entries may be dropped.
        case keep(Snapshot, dropThrough: LogIndex, droppedTerm: Term)
        case flag(FlagRecord)
    }

    /// Writes all of these in order, as one transaction with one sync. Durable when it returns; on an error nothing is.
    public func write(_ writes: [Write]) throws(StoreError) {
        let before = (base, oldest)
        do {
            try database.transaction { () throws(StoreError) in
                var hardState: HardState?
                for write in writes {
                    switch write {
                    case .persist(let persist):
                        try self.write(persist)
                        hardState = persist.hardState
                    case .keep(let snapshot, let dropThrough, let term):
                        try save(snapshot)
                        if dropThrough > base.index { try setBase(dropThrough, term) }
                    case .flag(let record):
                        try setFlag.run([
                            record.lastRead.map { $0 ? 1 : 0 }, record.edit.map { $0.isActive ? 1 : 0 },
                            record.edit.map { Int64(clamping: $0.epoch) },
                        ])
                    }
                }
                if let hardState { try write(hardState) }
                try dropSome()
            }
        } catch {
            (base, oldest) = before
            throw error
        }
        if database.logPages >= Self.urgentCheckpoint { try database.checkpoint() }
    }

    private func write(_ state: HardState) throws(StoreError) {
        try setState.run([
            Int64(clamping: state.term), state.vote.map { Int64($0.value) }, state.promise.inNanoseconds,
            state.votesFrom.map { Int64(clamping: $0) }, Int64(clamping: state.commit),
        ])
    }

    private func write(_ persist: Persist) throws(StoreError) {
        if let snapshot = persist.snapshot {
            try truncate.run([0])
            try save(snapshot)
            try setBase(snapshot.index, snapshot.term)
            oldest = snapshot.index + 1
        }
        if let first = persist.entries.first { try truncate.run([Int64(clamping: first.index)]) }
        for entry in persist.entries {
            try insert.run(
                [
                    Int64(clamping: entry.index), Int64(clamping: entry.term), Int64(entry.kind.rawValue),
                    entry.blockHeight.map { Int64($0) }, Int64(entry.payload.count),
                ], blob: entry.payload)
        }
    }

    private func save(_ snapshot: Snapshot) throws(StoreError) {
        try setSnapshot.run([Int64(clamping: snapshot.index), Int64(clamping: snapshot.term)], blob: snapshot.state)
    }

    private func setBase(_ index: LogIndex, _ term: Term) throws(StoreError) {
        base = (index, term)
        try moveBase.run([Int64(clamping: index), Int64(clamping: term)])
    }

    private func dropSome() throws(StoreError) {
        guard oldest <= base.index else { return }
        let through = min(base.index, oldest + Self.droppedAtOnce - 1)
        try drop.run([Int64(clamping: through)])
        oldest = through + 1
    }

    /// Does what need not be done within a write; to be called when there is nothing else to do.
    public func tidy() throws(StoreError) {
        if database.logPages >= Self.leisurelyCheckpoint { try database.checkpoint() }
    }
}
