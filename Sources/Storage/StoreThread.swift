import Glibc
import NIOConcurrencyHelpers
import ProducerHA
import Raft

/// The thread that owns the store. Jobs are taken in order; all writes that have gathered while one sync ran share the
/// next one. What is done is reported through `deliver`, on this thread.
public final class StoreThread: Sendable {
    public enum Job: Sendable {
        case write(Store.Write)
        case read(LogIndex, through: LogIndex, bytes: Int, @Sendable (Result<[Entry], StoreError>) -> Void)
        case outlines(
            LogIndex, through: LogIndex, prefix: Int, @Sendable (Result<[EntryOutline], StoreError>) -> Void)
    }

    public enum Report: Sendable {
        /// All writes of the core up to this sequence number are durable.
        case persisted(through: UInt64)
        /// The disk is full. Nothing is lost; the writes are tried again until there is room.
        case full(StoreError)
        case roomAgain
        /// Nothing is known of what is on the disk. No more is read or written.
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
        var hasEnded = false
        var timings = Timings()
    }

    private let shared = ConditionLock(value: 0)
    private let box: NIOLockedValueBox<Shared>
    private let deliver: @Sendable (Report) -> Void

    /// Wait between two tries on a full disk.
    private static let retryMicroseconds: UInt32 = 250_000

    /// Starts the thread. The store must not be used by anyone else from here on.
    public init(store: sending Store, deliver: @escaping @Sendable (Report) -> Void) {
        box = NIOLockedValueBox(Shared())
        self.deliver = deliver
        let handOver = HandOver(store: store, owner: self)
        let argument = Unmanaged.passRetained(handOver).toOpaque()
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let handOver = Unmanaged<HandOver>.fromOpaque(argument).takeRetainedValue()
                handOver.owner.run(handOver.store)
                return nil
            }, argument)
        precondition(code == 0, "no thread for the store: \(String(cString: strerror(code)))")
        pthread_detach(thread)
    }

    private final class HandOver {
        let store: Store
        let owner: StoreThread

        init(store: Store, owner: StoreThread) {
            self.store = store
            self.owner = owner
        }
    }

    public func submit(_ job: Job) { submit([job]) }

    public func submit(_ jobs: [Job]) {
        box.withLockedValue { $0.jobs.append(contentsOf: jobs) }
        wake()
    }

    public var timings: Timings { box.withLockedValue { $0.timings } }

    /// Finishes what was submitted and ends; waits for that, but no longer than `seconds`.
    public func stop(withinSeconds seconds: Double) {
        box.withLockedValue { $0.isStopping = true }
        wake()
        if shared.lock(whenValue: Self.ended, timeoutSeconds: seconds) { shared.unlock() }
    }

    // MARK: - The thread

    private static let asleep = 0, awake = 1, ended = 2

    private func wake() {
        shared.lock()
        shared.unlock(withValue: box.withLockedValue { $0.hasEnded } ? Self.ended : Self.awake)
    }

    private func run(_ store: Store) {
        defer {
            box.withLockedValue { $0.hasEnded = true }
            shared.lock()
            shared.unlock(withValue: Self.ended)
        }
        do {
            while let jobs = try nextJobs(store) {
                var writes: [Store.Write] = []
                for job in jobs {
                    switch job {
                    case .write(let write): writes.append(write)
                    case .read(let first, let last, let bytes, let reply):
                        try write(&writes, to: store)
                        reply(Result { () throws(StoreError) in try store.entries(from: first, through: last, bytes: bytes) })
                    case .outlines(let first, let last, let prefix, let reply):
                        try write(&writes, to: store)
                        reply(
                            Result { () throws(StoreError) in
                                var found: [EntryOutline] = []
                                try store.outlines(from: first, through: last, prefix: prefix) {
                                    found.append($0)
                                    return true
                                }
                                return found
                            })
                    }
                }
                try write(&writes, to: store)
            }
        } catch {
            deliver(.failed(error))
        }
    }

    /// Waits for jobs; nil when it is time to end.
    private func nextJobs(_ store: Store) throws(StoreError) -> [Job]? {
        while true {
            let (jobs, isStopping) = box.withLockedValue { shared in
                defer { shared.jobs = [] }
                return (shared.jobs, shared.isStopping)
            }
            if !jobs.isEmpty { return jobs }
            if isStopping { return nil }
            try store.tidy()
            shared.lock(whenValue: Self.awake)
            shared.unlock(withValue: Self.asleep)
        }
    }

    private func write(_ writes: inout [Store.Write], to store: Store) throws(StoreError) {
        guard !writes.isEmpty else { return }
        var wasFull = false
        while true {
            let start = monotonicNow()
            do {
                try store.write(writes)
                note(monotonicNow() - start)
                break
            } catch StoreError.full(let path) {
                if !wasFull { deliver(.full(.full(path: path))) }
                wasFull = true
                if box.withLockedValue({ $0.isStopping }) { throw .full(path: path) }
                usleep(Self.retryMicroseconds)
            } catch {
                throw error
            }
        }
        if wasFull { deliver(.roomAgain) }
        var last: UInt64?
        for case .persist(let persist) in writes { last = persist.sequence }
        writes.removeAll(keepingCapacity: true)
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
