// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import HTTP
import NIOCore
import NIOHTTP1

/// Which entries of a log are wanted.
public struct LogRange: Hashable, Sendable {
    /// Nil: the newest ones, as many as `limit` says.
    public var from: UInt64?
    /// Nil: all there are.
    public var to: UInt64?
    /// Nil: no limit, if `from` is given.
    public var limit: UInt64?

    public init(from: UInt64? = nil, to: UInt64? = nil, limit: UInt64? = nil) {
        self.from = from
        self.to = to
        self.limit = limit
    }
}

/// The committed entries of a region's log, page by page, from whichever peer answers: what is committed is the same on
/// all of them.
public final class LogFeed: Sendable {
    public enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        case unknownRegion(String)
        case unknownPeer(String)
        /// No peer tells its log.
        case unreachable(String)
        /// Those that were reached want another token.
        case denied(String)

        public var description: String {
            switch self {
            case .unknownRegion(let name): "there is no region \(printable(name))"
            case .unknownPeer(let name): "there is no peer \(printable(name)) in the region"
            case .unreachable(let why), .denied(let why): "no peer tells its log: \(why)"
            }
        }

        public var name: String {
            switch self {
            case .unknownRegion: "unknown_region"
            case .unknownPeer: "unknown_peer"
            case .unreachable: "unreachable"
            case .denied: "unauthorized"
            }
        }

        public var exitCode: Int32 {
            switch self {
            case .unknownRegion, .unknownPeer: 64
            case .unreachable: 69
            case .denied: 77
            }
        }
    }

    public static let pageEntries: UInt64 = 1000
    private static let pauseMS = 200

    private let inspector: Inspector
    private let clock = ContinuousClock()

    public init(_ inspector: Inspector) { self.inspector = inspector }

    /// - Parameters:
    ///   - peer: nil for the leader, or the peer that has most.
    ///   - follows: goes on with what comes, for ever; asks another peer when the one that was asked is gone.
    ///   - note: what is worth knowing beside the entries.
    public func read(
        _ range: LogRange, region: String?, peer: PeerName?, follows: Bool, note: (String) -> Void,
        body: ([LogEntryDocument]) throws -> Void
    ) throws {
        var teller: PeerTarget
        var firstPage: LogDocument?
        (teller, firstPage) = try choose(region, peer, range)
        var next = range.from
        var left = range.from == nil && follows ? nil : range.limit
        if range.from == nil, let limit = range.limit, limit > Self.pageEntries, let page = firstPage {
            // A page without a beginning holds the newest alone.
            let end = min(range.to ?? .max, page.commitIndex)
            next = max(page.firstIndex, end - min(limit, end) + 1)
            firstPage = nil
        }
        while !Invocation.current.isStopped {
            let page: LogDocument
            if let first = firstPage {
                page = first
                firstPage = nil
            } else {
                do {
                    page = try ask(teller, query(from: next, to: range.to, limit: left))
                } catch {
                    guard follows else { throw Failure.unreachable("\(teller.name): \(error)") }
                    note("\(teller.name) does not answer any more (\(error)); looks for another one")
                    teller = try lookForAnother(region, peer)
                    note("goes on with \(teller.name)")
                    continue
                }
            }
            if let wanted = next, page.firstIndex > wanted, page.firstIndex > 1 {
                note("entries \(wanted) to \(page.firstIndex - 1) are no longer kept by \(teller.name)")
                next = page.firstIndex
            }
            if !page.entries.isEmpty { try body(page.entries) }
            if let last = page.entries.last?.index {
                next = last + 1
                if let limit = left { left = limit - min(limit, UInt64(page.entries.count)) }
            } else if next == nil {
                next = page.commitIndex + 1
            }
            if left == 0 { return }
            if let to = range.to, let next, next > to { return }
            if page.entries.isEmpty || (next ?? 0) > page.commitIndex {
                guard follows else { return }
                Pause.until(clock.now + .milliseconds(Self.pauseMS), clock)
            }
        }
    }

    private func query(from: UInt64?, to: UInt64?, limit: UInt64?) -> String {
        var items = ["limit=\(min(limit ?? Self.pageEntries, Self.pageEntries))"]
        if let from { items.append("from=\(from)") }
        if let to { items.append("to=\(to)") }
        return "/v1/prodha/log?" + items.joined(separator: "&")
    }

    /// The leader if it answers, then whoever has most of the log; with the first page as proof.
    private func choose(_ region: String?, _ peer: PeerName?, _ range: LogRange) throws -> (PeerTarget, LogDocument) {
        let view = ClusterView(inspector.inspectAndWait())
        guard let region = view.region(named: region) else { throw Failure.unknownRegion(region ?? "") }
        var tellers = region.tellers
        if let peer {
            guard let id = region.peer(named: peer), let found = region.peers.first(where: { $0.id == id }) else {
                throw Failure.unknownPeer(peer.text)
            }
            guard found.status != nil else { throw Failure.unreachable("\(found.name): \(found.failureText)") }
            tellers = [found]
        }
        var why = region.headline
        for peer in tellers {
            let target = peer.report.target
            do {
                return (target, try ask(target, query(from: range.from, to: range.to, limit: range.limit)))
            } catch {
                why = "\(peer.name): \(error)"
            }
        }
        throw view.isDenied ? Failure.denied(why) : .unreachable(why)
    }

    private func lookForAnother(_ region: String?, _ peer: PeerName?) throws -> PeerTarget {
        while true {
            if Invocation.current.isStopped { throw Failure.unreachable("stopped waiting") }
            do {
                return try choose(region, peer, LogRange(limit: 1)).0
            } catch Failure.unreachable {
                Pause.until(clock.now + .milliseconds(Self.pauseMS), clock)
            }
        }
    }

    private func ask(_ target: PeerTarget, _ path: String) throws -> LogDocument {
        try inspector.document(LogDocument.self, path, of: target)
    }
}
