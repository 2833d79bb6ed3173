// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Antelope
import ProducerHA
import Raft
import Storage

// Entries as the log command and the API show them.

extension LogEntryDocument {
    /// How much of a payload is needed: a block's header, or a whole record. A change of the region that carries a block is
    /// longer.
    static let prefixBytes = 1024

    init(_ outline: EntryOutline) { self.init(outline.entry, size: outline.size) }

    /// - Parameter entry: its payload may be cut to `prefixBytes`, except that of a region's change or a record.
    init(_ entry: Entry, size: Int) {
        self.init(index: entry.index, term: entry.term, kind: LogEntryKind(rawValue: entry.kind.name), size: size)
        switch entry.kind {
        case .block: block = (try? BlockHeader(parsingPrefixOf: entry.payload)).map(Block.init)
        case .region: region = RegionChange(encoded: entry.payload).map(Region.init)
        case .operation: operation = Record(encoded: entry.payload).map(Operation.init)
        case .settings:
            settings = GroupSettings(encoded: entry.payload).map {
                Settings(
                    group: $0.groupID.description, chain: $0.chainID.map { $0.description },
                    producers: $0.producers == .sole ? "sole" : "several")
            }
        default: break
        }
    }

    /// A change of the region or a record whose payload was cut says too little.
    static func needsWhole(_ outline: EntryOutline) -> Bool {
        [.region, .operation].contains(outline.entry.kind) && outline.size > outline.entry.payload.count
    }
}

extension LogEntryDocument.Block {
    init(_ header: BlockHeader) {
        self.init(
            number: header.number, id: header.id.hex, previous: header.previous.hex,
            producer: header.producer.description,
            timestamp: UTCInstant(unixMilliseconds: header.timestamp.unixMilliseconds))
    }
}

extension LogEntryDocument.Region {
    init(_ change: RegionChange) {
        self.init(
            epoch: change.epoch, expects: change.expects, state: change.activity.description, paused: change.isPaused,
            base: change.base.flatMap { try? BlockHeader(parsingPrefixOf: $0) }.map { $0.number },
            act: change.act.map { ActDocument($0) }, givenUp: change.givenUp.map { GivenUpDocument($0) })
    }
}

extension LogEntryDocument.Operation {
    init(_ record: Record) {
        func time(_ at: Int64) -> UTCInstant { UTCInstant(unixMilliseconds: at) }
        switch record {
        case .leads(let peer, let at): self.init(event: .leads, peer: peer.value, at: time(at))
        case .transfer(let peer, let act):
            self.init(event: .transfer, peer: peer.value, at: time(act.at), act: ActDocument(act))
        case .transferFailed(let operation, let why, let at):
            self.init(event: .transferFailed, at: time(at), ends: operation, outcome: why)
        case .maintenance(let peer, let isOn, let act):
            self.init(
                event: isOn ? .maintenanceOn : .maintenanceOff, peer: peer.value, at: time(act.at),
                act: ActDocument(act))
        case .confirm(_, let act): self.init(event: .confirm, at: time(act.at), act: ActDocument(act))
        case .switchBegins(let note):
            self.init(event: .failover, about: note.words, at: time(note.act.at), act: ActDocument(note.act))
        case .switchEnds(let end):
            self.init(
                event: .failover, at: time(end.at), ends: end.id,
                outcome: "\(end.isDone ? "done" : "rolled back"): \(end.words)")
        case .leftBehind(let report, _, let at):
            self.init(event: .leftBehind, about: report.forkWords, at: time(at))
        }
    }
}

/// The log of a peer that does not run, from its data. The data is copied first, and the copy is read: nothing is changed,
/// not even what a start would mend.
public struct OfflineLog {
    /// Why it cannot be read, or not further.
    public struct Failure: Error, Sendable {
        /// What happened, in a sentence or two.
        public var words: String
        /// 75 while its process runs, else 1.
        public var exitCode: Int32

        init(_ error: StoreError) {
            switch error {
            case .inUse(let directory):
                words = "\(directory) is in use: the peer runs, so ask its API, with --config or --peer"
                exitCode = 75
            case .damaged(let path, let reason):
                words = "\(path) is damaged: \(reason)"
                exitCode = 1
            default:
                words = "\(error)"
                exitCode = 1
            }
        }
    }

    private let store: Store

    /// In use: its process runs, and its API should be asked.
    public init(dataDirectory: String) throws(Failure) {
        do { store = try Store(copyOf: dataDirectory) } catch { throw Failure(error) }
    }

    /// What the peer knew to be committed when it last wrote that down; it may have been more.
    public var commitIndex: UInt64 { store.ownState.commit }

    /// The kept entries in order. Ends with an error where the data is damaged: what came before is sound.
    public func entries(
        from first: UInt64, through last: UInt64, _ body: (LogEntryDocument) throws -> Void
    ) throws {
        var next = first
        while next <= last {
            var page: [LogEntryDocument] = []
            var failure: StoreError?
            do {
                try store.outlines(
                    from: next, through: min(last, next.addingReportingOverflow(999).partialValue),
                    prefix: LogEntryDocument.prefixBytes
                ) { outline in
                    page.append(LogEntryDocument(outline))
                    if LogEntryDocument.needsWhole(outline), let whole = whole(outline.entry.index) {
                        page[page.count - 1] = whole
                    }
                    return true
                }
            } catch {
                failure = error
            }
            for entry in page { try body(entry) }
            if let failure { throw Failure(failure) }
            guard let end = page.last?.index else { return }
            next = end + 1
        }
    }

    private func whole(_ index: LogIndex) -> LogEntryDocument? {
        guard let entry = try? store.entries(from: index, through: index).first else { return nil }
        return LogEntryDocument(entry, size: entry.payload.count)
    }

    /// The oldest and the newest entry that are kept; nil when there is none.
    public func bounds() throws(Failure) -> ClosedRange<UInt64>? {
        do { return try store.keptRange() } catch { throw Failure(error) }
    }
}
