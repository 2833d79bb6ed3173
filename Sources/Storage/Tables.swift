// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Raft

/// The tables, and what is checked when they are opened.
extension Store {
    /// The format that this version writes. A version that writes a later one reads the one before, and changes it to its
    /// own when it opens it; an older version then refuses it.
    public static let currentFormat = 3

    static func makeTables(_ database: Database, format: Int = currentFormat) throws(StoreError) {
        var found: Int64 = 0
        var hasTables = false
        try database.query("SELECT user_version, EXISTS (SELECT 1 FROM sqlite_schema) FROM pragma_user_version") {
            row in
            found = row.signed(0) ?? 0
            hasTables = row.number(1) != 0
            return false
        }
        guard found <= format else {
            throw .newerFormat(path: database.path, found: Int(found), known: format)
        }
        guard found != format else { return }
        // A later version than this one, which a test claims to be, has nothing to change in what this one writes.
        if found == currentFormat {
            return try database.transaction { () throws(StoreError) in
                try database.execute("PRAGMA user_version = \(format)")
            }
        }
        guard found == 0 && !hasTables else {
            throw .damaged(
                path: database.path,
                reason: "it has format \(found); this version of prodha knows format \(format) alone")
        }
        try database.transaction { () throws(StoreError) in
            // `sum` is a checksum of what stands before it; what follows it in `entry` may be large.
            try database.execute(
                """
                CREATE TABLE entry (
                    i INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL, height INTEGER,
                    size INTEGER NOT NULL, payload_sum INTEGER NOT NULL, commit_index INTEGER NOT NULL,
                    writes INTEGER NOT NULL, sum INTEGER NOT NULL, payload BLOB NOT NULL
                );
                CREATE TABLE peer (
                    term INTEGER NOT NULL, vote INTEGER, promise_ns INTEGER NOT NULL, votes_from INTEGER,
                    commit_index INTEGER NOT NULL, base_index INTEGER NOT NULL, base_term INTEGER NOT NULL,
                    flag INTEGER, edit_flag INTEGER, edit_epoch INTEGER, writes INTEGER NOT NULL, sum INTEGER NOT NULL
                );
                CREATE TABLE snapshot (
                    one INTEGER PRIMARY KEY CHECK (one = 1), i INTEGER NOT NULL, term INTEGER NOT NULL,
                    state_sum INTEGER NOT NULL, sum INTEGER NOT NULL, state BLOB NOT NULL
                );
                CREATE TABLE shape (id INTEGER NOT NULL, quorum INTEGER NOT NULL);
                CREATE TABLE member (id INTEGER PRIMARY KEY);
                """)
            let values = PeerRow().values
            try database.prepare("INSERT INTO peer VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)")
                .run(values + [Checksum.of(values)])
            try database.execute("PRAGMA user_version = \(format)")
        }
    }

    static func check(_ shape: GroupShape, _ database: Database) throws(StoreError) {
        var stored: (id: Int, quorum: Int)?
        try database.query("SELECT id, quorum FROM shape") { row in
            stored = (Int(row.signed(0) ?? 0), Int(row.signed(1) ?? 0))
            return false
        }
        var members: [PeerID] = []
        try database.query("SELECT id FROM member ORDER BY id") { row in
            members.append(PeerID(Int(row.signed(0) ?? 0)))
            return true
        }
        var hasRun = false
        try database.query("SELECT term > 0 OR EXISTS (SELECT 1 FROM entry) FROM peer") { row in
            hasRun = row.number(0) != 0
            return false
        }
        guard !hasRun else {
            guard let stored else { throw .damaged(path: database.path, reason: "it does not say whose it is") }
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
}

/// The one row of `peer`. It is written whole, with its checksum. A write that adds entries and changes no more than the commit
/// index and the count of writes leaves it alone: the last entry has both, and what is higher counts.
struct PeerRow {
    var state = HardState()
    var base: (index: LogIndex, term: Term) = (0, 0)
    var flag = FlagRecord()

    /// Unsigned numbers keep their bits.
    var values: [Int64?] {
        [
            Int64(bitPattern: state.term), state.vote.map { Int64($0.value) }, state.promise.inNanoseconds,
            state.votesFrom.map { Int64(bitPattern: $0) }, Int64(bitPattern: state.commit),
            Int64(bitPattern: base.index),
            Int64(bitPattern: base.term), flag.lastRead.map { $0 ? 1 : 0 }, flag.edit.map { $0.isActive ? 1 : 0 },
            flag.edit.map { Int64(bitPattern: $0.epoch) }, Int64(bitPattern: state.writes),
        ]
    }

    /// The row on the disk says the same, but for what the entry that was written last says.
    func isTold(by row: PeerRow, and last: HardState?) -> Bool {
        guard let last, last.commit == state.commit, last.writes == state.writes else { return false }
        var told = row
        (told.state.commit, told.state.writes) = (state.commit, state.writes)
        return told.values == values
    }

    init() {}

    init(_ database: Database) throws(StoreError) {
        var isSound = false
        try database.query("SELECT * FROM peer") { row in
            isSound = row.signed(11) == row.checksum(0..<11)
            state.term = row.number(0)
            state.vote = row.signed(1).map { PeerID(Int($0)) }
            state.promise = .nanoseconds(row.signed(2) ?? 0)
            state.votesFrom = row.signed(3).map { UInt64(bitPattern: $0) }
            state.commit = row.number(4)
            base = (row.number(5), row.number(6))
            flag.lastRead = row.signed(7).map { $0 != 0 }
            if let edit = row.signed(8), let epoch = row.signed(9) {
                flag.edit = FlagRecord.Edit(isActive: edit != 0, epoch: UInt64(bitPattern: epoch))
            }
            state.writes = row.number(10)
            return false
        }
        guard isSound else { throw .damaged(path: database.path, reason: "the peer's own row is not what was written") }
        try database.query("SELECT \(Store.outlineColumns) FROM entry ORDER BY i DESC LIMIT 1") { row in
            isSound = row.signed(8) == row.checksum(0..<8)
            state.commit = max(state.commit, row.number(6))
            state.writes = max(state.writes, row.number(7))
            return false
        }
        guard isSound else { throw .damaged(path: database.path, reason: "the last entry is not what was written") }
    }
}
