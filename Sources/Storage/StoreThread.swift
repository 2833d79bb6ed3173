// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import CThread
import Glibc
import NIOConcurrencyHelpers
import ProducerHA
import Raft

/// The thread that owns the store. Jobs are taken in order; all writes that have gathered while one sync ran share the
/// next one. What is done is reported through `deliver`, on this thread.
///
/// Every read is answered once: with what all earlier writes made of the log, or with an error. While the disk is full
/// that is `full`; writes are kept meanwhile, which the core bounds by not taking part in leading. After the end reads
/// are refused on the caller's own thread, and writes are dropped.
public final class StoreThread: Sendable {
    public enum Job: Sendable {
        case write(Store.Write)
        case read(LogIndex, through: LogIndex, bytes: Int, @Sendable (Result<[Entry], StoreError>) -> Void)
        case outlines(
            LogIndex, through: LogIndex, prefix: Int, @Sendable (Result<[EntryOutline], StoreError>) -> Void)
    }

    /// Payload bytes that one job of outlines may pass; what lies behind is asked for again.
    private static let outlineBytes = 4 << 20

    public enum Report: Sendable {
        /// All writes of the core up to this sequence number are durable.
        case persisted(through: UInt64)
        /// The disk is full. Nothing is lost; the writes are tried again until there is room.
        case full(StoreError)
        case roomAgain
        /// The last report: nothing is known of what is on the disk, or a read found it damaged, or the disk was still full
        /// when the thread was stopped. No more is read or written, and what is not reported as persisted may be lost.
        case failed(StoreError)
    }

    /// How long one transaction took, with its sync.
    public struct Timings: Sendable {
        public var syncs: UInt64 = 0
        public var total: Duration = .zero
        public var longest: Duration = .zero
    }

    private struct Shared {
        var jobs: [Job] = []
        var isStopping = false
        /// Why nothing more is taken.
        var end: StoreError?
        var timings = Timings()
    }

    private let box = NIOLockedValueBox(Shared())
    private let isAwake = ConditionLock(value: false)
    private let hasEnded = ConditionLock(value: false)
    private let deliver: @Sendable (Report) -> Void

    /// After so long without a job there is time for what need not be done at once.
    private static let leisureSeconds = 0.02

    /// Wait between two tries on a full disk.
    private static let retryInterval: Duration = .milliseconds(250)

    /// Starts the thread. The store must not be used by anyone else from here on.
    public init(store: sending Store, deliver: @escaping @Sendable (Report) -> Void) {
        self.deliver = deliver
        let handOver = HandOver(store: store, owner: self)
        let argument = Unmanaged.passRetained(handOver).toOpaque()
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let handOver = Unmanaged<HandOver>.fromOpaque(argument).takeRetainedValue()
                // As `ps -L` shows it.
                thread_set_name("store")
                handOver.owner.run(handOver)
                return nil
            }, argument)
        precondition(code == 0, "no thread for the store: \(String(cString: strerror(code)))")
        pthread_detach(thread)
    }

    private final class HandOver {
        var store: Store?
        let owner: StoreThread

        init(store: Store, owner: StoreThread) {
            self.store = store
            self.owner = owner
        }
    }

    public func submit(_ job: Job) { submit([job]) }

    public func submit(_ jobs: [Job]) {
        let end = box.withLockedValue { shared in
            if shared.end == nil { shared.jobs.append(contentsOf: jobs) }
            return shared.end
        }
        if let end { refuse(jobs, end) } else { wake() }
    }

    public var timings: Timings { box.withLockedValue { $0.timings } }

    /// Finishes what was submitted and closes the store; waits for that, but no longer than `seconds`.
    public func stop(withinSeconds seconds: Double) {
        box.withLockedValue { $0.isStopping = true }
        wake()
        if hasEnded.lock(whenValue: true, timeoutSeconds: seconds) { hasEnded.unlock() }
    }

    private func wake() {
        isAwake.lock()
        isAwake.unlock(withValue: true)
    }

    private func refuse(_ jobs: some Sequence<Job>, _ error: StoreError) {
        for job in jobs {
            switch job {
            case .write: break
            case .read(_, _, _, let reply): reply(.failure(error))
            case .outlines(_, _, _, let reply): reply(.failure(error))
            }
        }
    }

    // MARK: - The thread

    /// What the thread has taken and not done yet.
    private struct Backlog {
        var jobs: ArraySlice<Job> = []
        var writes: [Store.Write] = []
        /// The disk was full at the last try, and when the next one is due.
        var full: StoreError?
        var retryAt: Duration = .zero
    }

    private func run(_ handOver: HandOver) {
        var backlog = Backlog()
        do {
            if let store = handOver.store { try serve(store, &backlog) }
        } catch {
            let left = box.withLockedValue { shared in
                shared.end = error
                defer { shared.jobs = [] }
                return shared.jobs
            }
            refuse(backlog.jobs, error)
            refuse(left, error)
            deliver(.failed(error))
        }
        // Whoever waits for the end may open the data anew.
        handOver.store = nil
        hasEnded.lock()
        hasEnded.unlock(withValue: true)
    }

    private func serve(_ store: Store, _ backlog: inout Backlog) throws(StoreError) {
        while let jobs = try nextJobs(store, backlog) {
            backlog.jobs = jobs[...]
            while let job = backlog.jobs.popFirst() {
                switch job {
                case .write(let write): backlog.writes.append(write)
                case .read(let first, let last, let bytes, let reply):
                    try answer(reply, store, &backlog) { () throws(StoreError) in
                        try store.entries(from: first, through: last, bytes: bytes)
                    }
                case .outlines(let first, let last, let prefix, let reply):
                    try answer(reply, store, &backlog) { () throws(StoreError) in
                        var found: [EntryOutline] = []
                        var size = 0
                        try store.outlines(from: first, through: last, prefix: prefix) {
                            // SQLite reads whole payloads, and writes wait meanwhile.
                            size += $0.size
                            if size > Self.outlineBytes && !found.isEmpty { return false }
                            found.append($0)
                            return true
                        }
                        return found
                    }
                }
            }
            try write(&backlog, to: store)
        }
        backlog.retryAt = .zero
        try write(&backlog, to: store)
        if let full = backlog.full { throw full }
    }

    /// Waits for jobs, or for the time of the next try on a full disk; nil when it is time to end.
    private func nextJobs(_ store: Store, _ backlog: Backlog) throws(StoreError) -> [Job]? {
        while true {
            let (jobs, isAtEnd) = box.withLockedValue { shared in
                defer { shared.jobs = [] }
                let isAtEnd = shared.jobs.isEmpty && shared.isStopping
                // From here on nothing is taken that nobody would do.
                if isAtEnd { shared.end = .failed(operation: "using the store", reason: "it is closed") }
                return (shared.jobs, isAtEnd)
            }
            if isAtEnd { return nil }
            if !jobs.isEmpty { return jobs }
            if backlog.full != nil {
                let wait = max(.zero, backlog.retryAt - monotonicNow())
                guard isAwake.lock(whenValue: true, timeoutSeconds: wait.inMilliseconds / 1000) else { return [] }
            } else {
                switch store.tidying {
                case .none: isAwake.lock(whenValue: true)
                case .atLeisure where isAwake.lock(whenValue: true, timeoutSeconds: Self.leisureSeconds): break
                case .atLeisure, .now:
                    try store.tidy()
                    continue
                }
            }
            isAwake.unlock(withValue: false)
        }
    }

    private func answer<Found>(
        _ reply: (Result<Found, StoreError>) -> Void, _ store: Store, _ backlog: inout Backlog,
        _ read: () throws(StoreError) -> Found
    ) throws(StoreError) {
        let found = Result { () throws(StoreError) in
            try write(&backlog, to: store)
            if let full = backlog.full { throw full }
            return try read()
        }
        reply(found)
        if backlog.full == nil { _ = try found.get() }
    }

    private func write(_ backlog: inout Backlog, to store: Store) throws(StoreError) {
        let start = monotonicNow()
        guard !backlog.writes.isEmpty, start >= backlog.retryAt else { return }
        do {
            try store.write(backlog.writes)
        } catch {
            guard case .full = error else { throw error }
            if backlog.full == nil { deliver(.full(error)) }
            backlog.full = error
            backlog.retryAt = monotonicNow() + Self.retryInterval
            return
        }
        note(monotonicNow() - start)
        if backlog.full != nil { deliver(.roomAgain) }
        backlog.full = nil
        var last: UInt64?
        for case .persist(let persist) in backlog.writes { last = persist.sequence }
        backlog.writes.removeAll(keepingCapacity: true)
        if let last { deliver(.persisted(through: last)) }
    }

    private func note(_ took: Duration) {
        box.withLockedValue {
            $0.timings.syncs += 1
            $0.timings.total += took
            $0.timings.longest = max($0.timings.longest, took)
        }
    }

    private func monotonicNow() -> Duration {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return .seconds(now.tv_sec) + .nanoseconds(now.tv_nsec)
    }
}
