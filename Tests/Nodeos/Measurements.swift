// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Antelope
import Foundation
import Synchronization
import Testing

@testable import BrokerHarness
@testable import Harness

// Figures, not promises: `make bench-nodeos` runs them with a release program.
//
//     PRODHA_MEASURE   must be set
//     PRODHA_CHAIN     the data folder of a nodeos that was ended by SIGTERM, with the long chain for `syncThroughAGate`

private let environment = ProcessInfo.processInfo.environment

/// Numbers in order, and what is between them.
private struct Figures {
    let sorted: [Double]

    init(_ values: [Double]) {
        sorted = values.sorted()
    }

    func quantile(_ share: Double) -> Double {
        sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    var mean: Double { sorted.reduce(0, +) / Double(max(sorted.count, 1)) }

    func inMilliseconds(_ shares: [Double]) -> String {
        shares.map { "p\(Int($0 * 100)) \(Figures.text(quantile($0)))" }.joined(separator: ", ")
            + ", mean \(Figures.text(mean)) ms (\(sorted.count))"
    }

    /// Two places behind the point.
    static func text(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}

/// A histogram of the metrics page.
private struct HistogramPage {
    private var buckets: [(bound: Double, count: Double)] = []
    private var sum = 0.0
    private var count = 0.0

    init(_ name: String, in page: String) throws {
        for line in page.split(separator: "\n") where line.hasPrefix(name) {
            let value = try #require(line.split(separator: " ").last.flatMap { Double($0) })
            if line.hasPrefix(name + "_sum") { sum = value }
            if line.hasPrefix(name + "_count") { count = value }
            if let bound = line.firstRange(of: "le=\""), line.hasPrefix(name + "_bucket") {
                let text = line[bound.upperBound...].prefix { $0 != "\"" }
                buckets.append((text == "+Inf" ? .infinity : try #require(Double(text)), value))
            }
        }
    }

    /// What came since `earlier`: all in milliseconds, quantiles as lines between the bounds of their buckets.
    func since(_ earlier: HistogramPage, _ shares: [Double]) -> String {
        let total = count - earlier.count
        let parts = shares.map { share in "p\(Int(share * 100)) \(Figures.text(quantile(share, since: earlier)))" }
        return parts.joined(separator: ", ")
            + ", mean \(Figures.text((sum - earlier.sum) / max(total, 1) * 1000)) ms (\(Int(total)))"
    }

    func mean(since earlier: HistogramPage) -> Double { (sum - earlier.sum) / max(count - earlier.count, 1) * 1000 }

    func quantile(_ share: Double, since earlier: HistogramPage) -> Double {
        let wanted = (count - earlier.count) * share
        var (lower, below) = (0.0, 0.0)
        for (now, before) in zip(buckets, earlier.buckets) {
            let upTo = now.count - before.count
            if upTo >= wanted, upTo > below {
                guard now.bound.isFinite else { return lower * 1000 }
                return (lower + (now.bound - lower) * (wanted - below) / (upTo - below)) * 1000
            }
            (lower, below) = (now.bound, upTo)
        }
        return lower * 1000
    }
}

extension Guarded {
    @Suite(.enabled(if: environment["PRODHA_MEASURE"] != nil, "PRODHA_MEASURE is not set"))
    struct Measurements {
        /// kill -9 of both on the leader's machine, to the first block of another one, as the outside node sees it.
        @Test func killOfBoth() async throws {
            try await withGuardedChain { chain in
                var times: [Double] = []
                var missed: [Int] = []
                for round in 0..<rounds {
                    let machine = try await chain.producer()
                    try await chain.advances(by: 6)
                    // At any moment of a slot.
                    try await Task.sleep(for: .milliseconds(500 * round / max(rounds, 1)))
                    let height = chain.watch.head
                    let start = ContinuousClock.now
                    try await machine.kill(.both)
                    try await chain.producer(among: chain.others(than: machine))
                    try await chain.advances()
                    times.append(chain.watch.endOfLongestGap(since: start) / .milliseconds(1))
                    let end = try await chain.outside.head().number
                    missed.append(try await Heights.missedSlots(chain.outside, height...end))
                    try await machine.restart(.both)
                    try await chain.settles()
                }
                print(
                    "kill -9 of both to the first block of another: \(Figures(times).inMilliseconds([0, 0.5, 0.9, 1]))")
                print(
                    "slots missed: \(Figures(missed.map(Double.init)).quantile(0.5)) median, \(missed.max() ?? 0) most")
                print("    \(zip(times, missed).map { "\(Int($0)) ms/\($1)" }.joined(separator: " "))")
            }
        }

        /// Between a block's way straight out of nodeos and its way through the gate lie the commit and what the gate adds.
        @Test func aBlocksWayOut() async throws {
            try await withGuardedChain(.calm) { chain in
                let machine = try await chain.producer()
                try await chain.advances(by: 10)
                let info = try await machine.nodeos.info()
                let before = try await page(machine)
                let time = Duration.seconds(rounds * 30)
                let (straight, gate) = (machine.nodeos.p2p, machine.gatePort)
                async let first = offload { try arrivals(port: straight, info, for: time) }
                async let second = offload { try arrivals(port: gate, info, for: time) }
                let (direct, gated) = (try await first, try await second)
                let after = try await page(machine)
                try #require(try await chain.producer() === machine, "another one leads now: try again")
                let differences = direct.compactMap { id, at in gated[id].map { ($0 - at) / .milliseconds(1) } }
                let commit = try HistogramPage("prodha_commit_seconds", in: after)
                let commitBefore = try HistogramPage("prodha_commit_seconds", in: before)
                let signing = try HistogramPage("prodha_signing_seconds", in: after)
                let signingBefore = try HistogramPage("prodha_signing_seconds", in: before)
                let figures = Figures(differences)
                print("through the gate later than straight out of nodeos: \(figures.inMilliseconds([0.5, 0.9, 0.99]))")
                print("commit: \(commit.since(commitBefore, [0.5, 0.9, 0.99]))")
                let added = figures.quantile(0.5) - commit.quantile(0.5, since: commitBefore)
                print(
                    "the gate adds: p50 \(Figures.text(added)) ms, "
                        + "mean \(Figures.text(figures.mean - commit.mean(since: commitBefore))) ms")
                print("sign_digest: \(signing.since(signingBefore, [0.5, 0.99]))")
            }
        }

        /// A full queue, from the start of the consumption to the last answer.
        @Test func transactionsOutOfAQueue() async throws {
            let count = 4000
            try await withQueue(["queue": "full"]) { chain, broker in
                let info = try await chain.producer().nodeos.info()
                let messages = try (0..<count).map { number in
                    let transaction = try NewAccount.transaction(info, lifetime: 1800)
                    var message = BrokerMessage(body: try QueuePromises.message(transaction, kind: UInt8(number % 2)))
                    message.replyTo = QueuePromises.replies
                    return message
                }
                try await broker.declare("full")
                let start = ContinuousClock.now
                try await broker.publish(messages, to: "full")
                let published = ContinuousClock.now
                try await eventually("all are answered", within: .seconds(120)) {
                    try await broker.depth(QueuePromises.replies) >= count
                }
                let (took, publishing) = (
                    (ContinuousClock.now - start) / .seconds(1), (published - start) / .seconds(1)
                )
                let document = try await chain.producer().queue()
                print(
                    """
                    \(count) transactions out of a queue in \(Figures.text(took)) s, \(Int(Double(count) / took)) a second \
                    (published in \(Figures.text(publishing)) s); failed \(document["failed"]?.int ?? -1)
                    """)
            }
        }

        private func page(_ machine: Machine) async throws -> String {
            try await machine.peer.get("/metrics").text
        }

        /// A fresh outside node gets all of a long chain: from nodeos itself, and through its gate.
        @Test(.enabled(if: environment["PRODHA_CHAIN"] != nil, "PRODHA_CHAIN is not set"))
        func syncThroughAGate() async throws {
            let data = URL(fileURLWithPath: environment["PRODHA_CHAIN"] ?? "")
            func prepare(_ chain: GuardedChain) throws {
                for node in chain.machines.map(\.nodeos) + [chain.outside] {
                    try FileManager.default.copyItem(at: data, to: node.dataDirectory)
                }
            }
            try await withGuardedChain(.calm, prepare: prepare) { chain in
                let machine = chain.others(than: try await chain.producer())[0]
                var (straight, gated): ([Double], [Double]) = ([], [])
                for _ in 0..<rounds {
                    straight.append(try await sync(from: machine.nodeos.p2p, chain))
                    gated.append(try await sync(from: machine.gatePort, chain))
                }
                let height = try await chain.outside.head().number
                print(
                    "\(height) blocks from nodeos: \(straight.map(Figures.text)) s; through the gate: \(gated.map(Figures.text)) s"
                )
            }
        }

        /// How many seconds a fresh node takes.
        private func sync(from port: Int, _ chain: GuardedChain) async throws -> Double {
            let node = try Nodeos(.nobody)
            try await node.startAndServe()
            let goal = try await chain.outside.head().number
            let start = ContinuousClock.now
            try await node.ask("/v1/net/connect", .string("127.0.0.1:\(port)"))
            try await eventually("it has all", within: .seconds(600)) { try await node.head().number >= goal }
            let time = (ContinuousClock.now - start) / .seconds(1)
            try await node.kill()
            return time
        }
    }
}

/// When each block came, by its id. Blocks until `time` is over.
private func arrivals(
    port: Int, _ info: JSON, for time: Duration
) throws -> [BlockID: ContinuousClock.Instant] {
    let link = try RawLink(port: port)
    try link.send(try RawLink.handshake(info))
    let end = ContinuousClock.now + time
    var arrivals: [BlockID: ContinuousClock.Instant] = [:]
    var spoke = ContinuousClock.now
    while ContinuousClock.now < end {
        do {
            guard let frame = try link.receive(within: .milliseconds(500)) else { throw SocketError.closed }
            let now = ContinuousClock.now
            if frame.kind == 7 { arrivals[try SignedBlock(parsing: frame.content).id] = now }
        } catch SocketError.timedOut {}
        if ContinuousClock.now - spoke > .seconds(5) {
            // Silence would be the end of the link.
            try link.send(RawLink.frame(3, [UInt8](repeating: 0, count: 32)))
            spoke = .now
        }
    }
    return arrivals
}
