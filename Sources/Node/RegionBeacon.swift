// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Antelope
import Configuration
import HTTP
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import ProducerHA
import Raft
import Transport

/// Asks the peers of the other regions, once a second, how those stand. On the node's loop.
final class RegionBeacon {
    static let interval = TimeAmount.seconds(1)
    /// For one question. The next one waits for it.
    static let patience = TimeAmount.milliseconds(900)
    static let maxReportBytes = 64 << 10

    private struct Member: Hashable {
        var region: String
        var id: Int
    }

    unowned let node: Node
    private let regions: [Region]
    private let eventLoop: any EventLoop
    private var client: HTTPClient
    private var isStopped = false
    private var asked: Set<Member> = []
    /// Why each did not answer the last question.
    private var trouble: [Member: String] = [:]
    /// When each answered last.
    private var contacts: [Member: Instant] = [:]
    /// The last blocks of other regions, where no nodeos is attached that would have them.
    private var heads = FetchedHeads()
    private var fetching: Set<String> = []
    /// What this peer heard itself, and nobody told it.
    private(set) var watch: RegionWatch

    init(_ regions: [Region], security: ClientSecurity?, node: Node) {
        self.regions = regions
        watch = RegionWatch(others: regions.map(\.name))
        self.node = node
        eventLoop = node.eventLoop
        client = HTTPClient(eventLoop: node.eventLoop, security: security)
    }

    func start() {
        let beacon = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: Self.interval) { task in
            guard !beacon.value.isStopped else { return task.cancel() }
            beacon.value.ask()
        }
    }

    func stop() -> EventLoopFuture<Void> {
        isStopped = true
        return client.close()
    }

    /// Whom it trusts from now on.
    func renew(_ security: ClientSecurity?) {
        let old = client
        client = HTTPClient(eventLoop: eventLoop, security: security)
        _ = old.close()
    }

    /// The last block of another region, in case this one has to go on from there.
    func block(_ id: BlockID) -> [UInt8]? { heads.block(id, as: node.replica.regions) }

    /// The last block of that region that it holds.
    func held(of region: String) -> BlockID? { heads.held(of: region, as: node.replica.regions) }

    /// Of each peer of that region: when it answered last, and why it does not.
    func contacts(with region: String) -> [(id: Int, at: Instant?, trouble: String?)] {
        (regions.first { $0.name == region }?.peers ?? []).map { peer in
            let member = Member(region: region, id: peer.id)
            return (peer.id, contacts[member], trouble[member])
        }
    }

    private func ask() {
        for region in regions {
            for peer in region.peers {
                let member = Member(region: region.name, id: peer.id)
                guard asked.insert(member).inserted else { continue }
                client.send(call(peer.api, "/v1/prodha/region", maxBytes: Self.maxReportBytes))
                    .assumeIsolated().whenComplete { [weak self] result in
                        guard let self else { return }
                        asked.remove(member)
                        take(result, from: member, at: peer.api)
                    }
            }
        }
    }

    private func call(
        _ api: ServiceURL, _ path: String, accept: String = "application/json", maxBytes: Int
    ) -> HTTPCall {
        HTTPCall(
            .GET, HTTPURL(api).appending(path),
            headers: ["accept": accept], timeout: Self.patience, maxAnswerBytes: maxBytes)
    }

    private func take(_ result: Result<HTTPAnswer, any Error>, from member: Member, at api: ServiceURL) {
        let report: RegionReport
        do {
            let answer = try result.get()
            let body = answer.body.readableBytesView
            guard answer.status == .ok else {
                let error = try? ErrorDocument(json: body)
                return note(error.map { $0.error.name } ?? "HTTP \(answer.status.code)", member)
            }
            let document = try RegionReportDocument(json: body)
            guard document.region == member.region else {
                return note("a peer of \(printable(document.region)) answers there", member)
            }
            let state = node.replica.state
            guard let read = RegionReport(document, heardBy: state.region, on: state.head?.block.id) else {
                return note("its report cannot be read", member)
            }
            report = read
        } catch {
            return note("\(error)", member)
        }
        note(nil, member)
        contacts[member] = Clock.now()
        watch.hear(report, from: PeerID(member.id), at: Clock.now())
        node.hear(report, from: PeerID(member.id))
        fetchHead(of: report, at: api)
    }

    /// A line for each change, not for each second.
    private func note(_ why: String?, _ member: Member) {
        guard trouble[member] != why else { return }
        trouble[member] = why
        let peer = "peer \(member.id) of region \(member.region)"
        guard let why else { return node.logger.info("\(peer) says again how its region stands") }
        node.logger.info("\(peer) does not say how its region stands: \(printable(why, limit: 300))")
    }

    private func fetchHead(of report: RegionReport, at api: ServiceURL) {
        guard node.attachment == nil, node.replica.state.region.activity == .standby, let head = report.head,
            heads.wants(report, as: node.replica.regions), fetching.insert(report.name).inserted
        else { return }
        let path = "/v1/prodha/region/head?id=\(head.hex)"
        client.send(call(api, path, accept: "application/octet-stream", maxBytes: NodeAPI.maxBlockBytes))
            .assumeIsolated().whenComplete { [weak self] result in
                guard let self else { return }
                fetching.remove(report.name)
                guard let answer = try? result.get(), answer.status == .ok,
                    case let bytes = Array(answer.body.readableBytesView),
                    let block = try? SignedBlock(parsing: bytes), block.id == head,
                    block.transactionRoot == block.header.transactionRoot
                else { return node.logger.info("the last block of region \(report.name) could not be fetched") }
                heads.keep(bytes, head, of: report)
            }
    }
}

/// The last block of each region, as its peers gave it. One is no more than what that region says of itself now: it may have
/// given way since, and come back without its last blocks.
struct FetchedHeads {
    private struct Block {
        var id: BlockID
        var bytes: [UInt8]
        /// The region's, when it was fetched.
        var epoch: UInt64
    }

    private var blocks: [String: Block] = [:]

    /// Of the region that became active last, what it does not have yet.
    func wants(_ report: RegionReport, as watch: RegionWatch) -> Bool {
        let latest = watch.heard.values.map(\.report.activatedEpoch).max() ?? 0
        return report.activatedEpoch > 0 && report.activatedEpoch >= latest && isNewer(report)
    }

    private func isNewer(_ report: RegionReport) -> Bool {
        guard let head = report.head else { return false }
        guard let kept = blocks[report.name], kept.epoch >= report.epoch else { return true }
        return kept.epoch == report.epoch && kept.id.blockNumber < head.blockNumber
    }

    mutating func keep(_ bytes: [UInt8], _ id: BlockID, of report: RegionReport) {
        if isNewer(report) { blocks[report.name] = Block(id: id, bytes: bytes, epoch: report.epoch) }
    }

    /// nil where the region's last block, as it was heard, is below it, or another one of that height.
    func held(of region: String, as watch: RegionWatch) -> BlockID? {
        guard let id = blocks[region]?.id, let head = watch.heard[region]?.report.head,
            head.blockNumber > id.blockNumber || head == id
        else { return nil }
        return id
    }

    func block(_ id: BlockID, as watch: RegionWatch) -> [UInt8]? {
        blocks.first { $0.value.id == id && held(of: $0.key, as: watch) == id }?.value.bytes
    }
}

extension ClientSecurity {
    /// Trusts what `api.tls.ca_file` says, else what the system trusts. nil when no other region's API speaks TLS.
    /// Fails with `TransportError.tlsFiles`.
    static func forRegions(of configuration: Configuration) throws -> ClientSecurity? {
        guard configuration.otherRegions.contains(where: { $0.peers.contains { $0.api.scheme == .https } }) else {
            return nil
        }
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        let context: NIOSSLContext
        do {
            if let file = configuration.apiAuthorityFile {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(file))
            }
            context = try NIOSSLContext(configuration: tls)
        } catch {
            throw TransportError.tlsFiles(
                reason:
                    "\(configuration.apiAuthorityFile ?? "the system's authorities") cannot be used for the APIs of "
                    + "other regions (\(error))")
        }
        return ClientSecurity(
            prepare: { channel, url in
                let isAddress = (try? SocketAddress(ipAddress: url.host, port: 0)) != nil
                let handler = try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : url.host)
                try channel.pipeline.syncOperations.addHandler(handler)
            },
            failure: { error in
                switch error {
                case is NIOSSLExtraError, is NIOSSLError, is BoringSSLError: .handshake("TLS failed: \(error)")
                default: nil
                }
            })
    }
}

extension Configuration {
    /// All but this peer's own.
    var otherRegions: [Region] { regions.filter { $0.name != regionName } }
}

// MARK: - What follows from it

extension Node {
    /// How old what was heard of a region may be to be believed when this one is to become active.
    static let reportAge = Duration.seconds(3)

    /// Why this region should not become active on somebody's word alone.
    func objectionToActivation() -> (kind: ErrorKind, why: String)? {
        let now = Clock.now()
        // Its steps decide, and what comes in between could make two regions active.
        if let open = openSwitchWords { return (.switchRunning, open) }
        if replica.state.region.activity == .activating {
            return (.switchRunning, "this region has handed over, and the other one may just become active")
        }
        for name in replica.regions.others {
            let heard = replica.regions.heard[name]
            guard let heard, let at = heard.currentAt, now - at <= Self.reportAge else {
                return (
                    .otherRegionSilent,
                    "whether region \(name) is active is not known: it "
                        + (heard.map { "was heard \(($0.currentAt ?? $0.at).age(now)) ago" } ?? "has not been heard")
                )
            }
            if heard.report.activity == .active {
                return (
                    .otherRegionActive,
                    "region \(name) says that it is active (epoch \(heard.report.epoch)); prodha failover stops it first"
                )
            }
        }
        return nil
    }

    /// Where no nodeos tells where the chain is: this region's own head, or the last block of the region that was active since. Fails
    /// when that block is not here.
    func baseWithoutNodeos() -> Result<[UInt8]?, NoBase> {
        switch replica.regions.continuation(of: replica.state) {
        case .ownHead: .success(nil)
        case .block(let id): beacon?.block(id).map { .success($0) } ?? .failure(.isMissing(id))
        case .overtaken(let region, let head): .failure(.isOvertaken(by: region, at: head))
        }
    }

    enum NoBase: Error, CustomStringConvertible {
        case isMissing(BlockID)
        case isOvertaken(by: String, at: BlockID)

        var description: String {
            switch self {
            case .isMissing(let block):
                "another region has come to block \(block.blockNumber), \(block.hex), which this peer has not fetched yet: "
                    + "try again in a second, or name it as base"
            case .isOvertaken(let region, let head):
                "region \(region) was active after this one, and ended at block \(head.blockNumber), \(head.hex): what this "
                    + "region has beyond is not the chain's; force it, and name the block to go on from as base"
            }
        }
    }

    func regionsHeard(at now: Instant) -> Int {
        replica.regions.heard.values.count { $0.currentAt.map { now - $0 <= Self.reportAge } ?? false }
    }

    /// Two regions are active: told when it begins and when it is over.
    func tellConflict() {
        let isContested = replica.regions.isContested(replica.state.region)
        guard isContested != isInConflict else { return }
        isInConflict = isContested
        let words =
            isContested
            ? "ALARM: another region is active too; this one stops"
            : "no other region is active any more, or this one is not"
        logger.log(level: isContested ? .critical : .notice, "\(words)")
        events.emit(.region, words, ["conflict": .bool(isContested)])
    }

    var otherRegionDocuments: [StatusDocument.OtherRegion] {
        let now = Clock.now()
        return replica.regions.others.map { name in
            let heard = replica.regions.heard[name]
            return .init(
                name: name, ageMS: heard.map { Milliseconds(now - $0.at) },
                report: heard.map { RegionReportDocument($0.report, peer: $0.teller) },
                held: beacon?.held(of: name).map { BlockReference($0) },
                peers: beacon?.contacts(with: name).map { contact in
                    .init(
                        id: contact.id, ageMS: contact.at.map { Milliseconds(now - $0) },
                        trouble: contact.trouble.map { printable($0, limit: 200) })
                })
        }
    }
}

extension Instant {
    fileprivate func age(_ now: Instant) -> String { "\(Int64((now - self).inSeconds)) s" }
}
