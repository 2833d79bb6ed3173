// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Configuration
import HTTP
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import Testing

@testable import Operations
@testable import Said

/// Two regions of three peers each, east active and west standby, that keep the rules of regions and of switches: every
/// change is compare-and-set, a request that comes again is not carried out again. Requests can be lost, late, doubled, and
/// their answers too.
final class FakeRegions: Sendable {
    enum Fault: Hashable, Sendable {
        case none
        /// It is carried out, and nothing is answered.
        case answerLost
        /// It never arrives.
        case requestLost
        /// It is carried out after so many further requests, and nothing is answered.
        case late(Int)
        /// It is carried out twice.
        case doubled
        /// It is carried out, and the answer is none.
        case garbage
        /// It is carried out, and the leader says that it does not know.
        case unknown
        /// The leader is another one from now on; nothing is carried out.
        case newLeader
        /// The leader is another one from now on, and it is carried out.
        case doneByANewLeader
        /// From now on the region answers nobody; nothing is carried out.
        case silence
    }

    struct State: Sendable {
        var epoch: UInt64
        var standing: RegionStanding
        var activatedEpoch: UInt64
        var blocks: [Block]
        var openSwitch: SwitchDocument?
        var ended: [SwitchEndRequest] = []
        var operations: Set<String> = []
        var leader = 1
        var isSilent = false
        var nodeosHead: UInt32?
        /// The block that it went on from.
        var base: Block?
        /// Of its last activation.
        var givenUp: GivenUpDocument?

        var head: Block { blocks[blocks.count - 1] }
    }

    struct Block: Hashable, Sendable {
        var number: UInt32
        var id: String
        var bytes: [UInt8]

        var slot: UInt32 { bytes[0..<4].reversed().reduce(0) { $0 << 8 | UInt32($1) } }

        init(number: UInt32, slot: UInt32, by region: String, previous: String) {
            self.number = number
            let mark = Array(region.utf8.prefix(4)) + Array(repeating: UInt8(slot % 251), count: 24)
            id = Hex.encode(withUnsafeBytes(of: number.bigEndian) { Array($0) } + mark)
            let parent = (try? Hex.decode(previous)) ?? []
            bytes = withUnsafeBytes(of: slot.littleEndian) { Array($0) } + Array(repeating: 7, count: 10) + parent
            bytes += Array(number.description.utf8) + Array(region.utf8)
        }
    }

    struct World: Sendable {
        var regions: [String: State] = [:]
        var slot: UInt32 = 1_000_000
        var requests = 0
        /// The fault of each request that changes something, by its number from 0.
        var fault: @Sendable (_ number: Int, _ path: String) -> Fault = { _, _ in .none }
        var late: [(due: Int, region: String, path: String, body: [UInt8])] = []
        /// Each change: "west activate 5".
        var changes: [String] = []
        var violations: [String] = []
        /// Of which region and epoch the word was given.
        var confirmed: [String] = []
        var isForced = false
        /// The region refuses the base that it is given.
        var refuseActivation: @Sendable (String) -> Bool = { _ in false }
        /// What a region went on from is told.
        var tellsBase = true
        /// Called after each request, with its number.
        var onRequest: @Sendable (Int) -> Void = { _ in }
    }

    let net = Loopback()
    private let box = NIOLockedValueBox(World())
    private let ports = SharedPorts()

    var world: World { box.withLockedValue { $0 } }
    func change<Result>(_ body: (inout World) -> Result) -> Result { box.withLockedValue { body(&$0) } }
    subscript(_ region: String) -> State { world.regions[region] ?? Self.none }

    private static let none = State(epoch: 0, standing: .standby, activatedEpoch: 0, blocks: [])

    init() async throws {
        let genesis = String(repeating: "0", count: 64)
        let first = Block(number: 1000, slot: 999_998, by: "east", previous: genesis)
        let second = Block(number: 1001, slot: 999_999, by: "east", previous: first.id)
        change {
            $0.regions["east"] = State(epoch: 3, standing: .active, activatedEpoch: 3, blocks: [first, second])
            $0.regions["west"] = State(epoch: 2, standing: .standby, activatedEpoch: 0, blocks: [first])
        }
        var all: [Int] = []
        for region in ["east", "west"] {
            for id in 1...3 {
                all.append(
                    try await net.serve { [self] request in
                        guard let response = answer(region, id, request) else {
                            return net.loop.makePromise(of: Response.self).futureResult
                        }
                        return net.loop.makeSucceededFuture(response)
                    })
            }
        }
        ports.ports = all
    }

    /// As a file of east lists them.
    func source() throws -> PeerSource {
        let all = ports.ports
        let west = Region(name: "west", peers: (1...3).map { .init(id: $0, api: api(all[2 + $0])) })
        return .directory(try directory("east", Array(all.prefix(3)), others: [west]))
    }

    // MARK: - Answers

    private func answer(_ region: String, _ id: Int, _ request: Request) -> Response? {
        let body = Array(request.body.readableBytesView)
        return change { world in
            guard let state = world.regions[region] else { return .text(.notFound, "") }
            if state.isSilent { return .text(.badGateway, "<html>nobody is there</html>") }
            guard request.method == .POST else { return Self.read(request, region, id, &world) }
            return Self.post(request.path, body, region, id, &world)
        }
    }

    private static func post(
        _ path: String, _ body: [UInt8], _ region: String, _ id: Int, _ world: inout World
    ) -> Response? {
        guard let state = world.regions[region] else { return nil }
        guard state.leader == id else { return error(.notLeader) }
        let number = world.requests
        world.requests += 1
        world.slot += 1
        defer { world.onRequest(number) }
        while let due = world.late.firstIndex(where: { $0.due <= number }) {
            let late = world.late.remove(at: due)
            _ = carryOut(late.path, late.body, late.region, &world)
        }
        switch world.fault(number, path) {
        case .none: return carryOut(path, body, region, &world)
        case .answerLost:
            _ = carryOut(path, body, region, &world)
            return nil
        case .requestLost: return nil
        case .late(let count):
            world.late.append((number + count, region, path, body))
            return nil
        case .doubled:
            _ = carryOut(path, body, region, &world)
            return carryOut(path, body, region, &world)
        case .garbage:
            _ = carryOut(path, body, region, &world)
            return .text(.ok, "<html>hello</html>")
        case .unknown:
            _ = carryOut(path, body, region, &world)
            return error(.outcomeUnknown)
        case .newLeader:
            world.regions[region]?.leader = id % 3 + 1
            return error(.notLeader)
        case .doneByANewLeader:
            world.regions[region]?.leader = id % 3 + 1
            _ = carryOut(path, body, region, &world)
            return error(.outcomeUnknown)
        case .silence:
            world.regions[region]?.isSilent = true
            return .text(.badGateway, "")
        }
    }

    /// Late ones that have not come yet come now.
    func deliverTheRest() {
        change { world in
            while let late = world.late.popLast() { _ = Self.carryOut(late.path, late.body, late.region, &world) }
        }
    }

    private static func error(_ kind: ErrorKind) -> Response {
        .json(HTTPResponseStatus(statusCode: kind.status), ErrorDocument(kind).json())
    }

    private static func carryOut(_ path: String, _ body: [UInt8], _ region: String, _ world: inout World) -> Response {
        guard var state = world.regions[region] else { return error(.notFound) }
        let other = world.regions[region == "east" ? "west" : "east"]
        if path.hasSuffix("/activate"), world.refuseActivation(region) { return error(.baseRefused) }
        let response: Response
        if path.hasSuffix("/switch/begin") {
            response = begin(body, &state)
        } else if path.hasSuffix("/switch/end") {
            response = end(body, &state)
        } else if path.hasSuffix("/confirm") {
            let expects = (try? RegionRequest(json: body))?.expects
            world.confirmed.append("\(region) \(expects ?? 0)")
            response = document(state, changed: expects == state.epoch)
        } else {
            response = changeState(path, body, &state, other, &world.isForced)
        }
        let before = world.regions[region]
        world.regions[region] = state
        if before?.epoch != state.epoch {
            world.changes.append("\(region) \(state.standing) \(state.epoch)")
            if !world.isForced, world.regions.values.count(where: { $0.standing == .active }) > 1 {
                world.violations.append("two regions are active after \(world.changes)")
            }
            if let before, state.epoch < before.epoch { world.violations.append("an epoch went down") }
        }
        return response
    }

    private static func document(_ state: State, changed: Bool) -> Response {
        .json(
            .ok,
            RegionDocument(
                changed: changed, epoch: state.epoch, regionActive: state.standing == .active, state: state.standing,
                paused: false, activatedEpoch: state.activatedEpoch,
                head: BlockReference(blockNum: state.head.number, blockID: state.head.id), switch: state.openSwitch
            ).json())
    }

    private static func begin(_ body: [UInt8], _ state: inout State) -> Response {
        guard let request = try? SwitchBeginRequest(json: body) else { return error(.malformedRequest) }
        if let operation = request.operation, state.operations.contains(operation) {
            return document(state, changed: true)
        }
        if let open = state.openSwitch {
            return open.id == request.id ? document(state, changed: false) : error(.switchRunning)
        }
        state.openSwitch = SwitchDocument(
            id: request.id, kind: request.kind, from: request.from, to: request.to, fromExpects: request.fromExpects,
            toExpects: request.toExpects,
            act: ActDocument(
                operation: request.operation ?? "", who: request.who ?? "", from: "127.0.0.1",
                reason: request.reason ?? "", at: UTCInstant(unixMilliseconds: Said.now)))
        if let operation = request.operation { state.operations.insert(operation) }
        return document(state, changed: true)
    }

    private static func end(_ body: [UInt8], _ state: inout State) -> Response {
        guard let request = try? SwitchEndRequest(json: body) else { return error(.malformedRequest) }
        guard state.openSwitch?.id == request.id else { return document(state, changed: false) }
        state.openSwitch = nil
        state.ended.append(request)
        return document(state, changed: true)
    }

    private static func changeState(
        _ path: String, _ body: [UInt8], _ state: inout State, _ other: State?, _ isForced: inout Bool
    ) -> Response {
        guard let request = try? RegionRequest(json: body) else { return error(.malformedRequest) }
        if let operation = request.operation, state.operations.contains(operation) {
            return document(state, changed: true)
        }
        if let expects = request.expects, expects != state.epoch { return error(.epochChanged) }
        if let id = request.switch, state.openSwitch?.id != id { return error(.noSuchSwitch) }
        let isActivation = path.hasSuffix("/activate")
        let wanted = isActivation ? RegionStanding.active : request.state ?? .standby
        if state.standing == wanted, request.renew != true { return document(state, changed: false) }
        let epoch = request.epoch ?? state.epoch + 1
        guard epoch > state.epoch else { return error(.malformedRequest) }
        if isActivation {
            if request.force == true { isForced = true }
            if other?.standing == .active, other?.isSilent == false, request.force != true {
                return error(.otherRegionActive)
            }
            if let base = request.base {
                guard let bytes = try? Hex.decode(base), let block = other?.blocks.first(where: { $0.bytes == bytes })
                else { return error(.baseRefused) }
                guard block.number >= state.head.number || request.force == true else { return error(.baseRefused) }
                state.blocks = [block]
                state.base = block
            } else {
                state.base = state.head
            }
            state.activatedEpoch = epoch
            state.givenUp = request.givenUp
        }
        state.epoch = epoch
        state.standing = wanted
        if let operation = request.operation { state.operations.insert(operation) }
        return document(state, changed: true)
    }

    private static func read(_ request: Request, _ region: String, _ id: Int, _ world: inout World) -> Response {
        guard let state = world.regions[region] else { return error(.notFound) }
        if request.path.hasSuffix("/block") {
            // What it has heard of the other region's head it can give too.
            let found =
                state.blocks.first { "\($0.number)" == request.query["num"] }
                ?? world.regions.values.flatMap(\.blocks).first { $0.id == request.query["id"] }
            guard let block = found else { return error(.blockNotFound) }
            return .json(
                .ok, BlockDocument(blockNum: block.number, blockID: block.id, block: HexBytes(block.bytes)).json())
        }
        if request.path.hasSuffix("/region") {
            var document = report(region, id, state)
            if !world.tellsBase { document.base = nil }
            return .json(.ok, document.json())
        }
        guard request.path.hasSuffix("/status") else { return error(.notFound) }
        if state.standing == .active, id == state.leader { produce(region, &world) }
        return .json(.ok, status(region, id, world).json())
    }

    private static func produce(_ region: String, _ world: inout World) {
        guard var state = world.regions[region] else { return }
        world.slot += 1
        let head = state.head
        state.blocks.append(Block(number: head.number + 1, slot: world.slot, by: region, previous: head.id))
        world.regions[region] = state
    }

    private static func report(_ region: String, _ id: Int, _ state: State) -> RegionReportDocument {
        RegionReportDocument(
            region: region, peer: id, epoch: state.epoch, state: state.standing, paused: false,
            activatedEpoch: state.activatedEpoch, current: true, leaderID: state.leader, term: 7,
            head: BlockReference(blockNum: state.head.number, blockID: state.head.id),
            base: state.base.map { BlockReference(blockNum: $0.number, blockID: $0.id) }, switch: state.openSwitch)
    }

    private static func status(_ region: String, _ id: Int, _ world: World) -> StatusDocument {
        guard let state = world.regions[region] else { return Said(id: id).status }
        let leads = id == state.leader
        let isActive = state.standing == .active
        var said = Said(
            id: id, region: region, role: leads ? .leader : .follower, leader: state.leader, active: isActive,
            epoch: state.epoch, can: leads && isActive,
            reason: leads ? (isActive ? nil : .regionStandby) : .notLeader, lease: leads, head: state.head.number,
            headID: state.head.id, state: state.standing, activatedEpoch: state.activatedEpoch,
            openSwitch: state.openSwitch)
        let name = region == "east" ? "west" : "east"
        if let other = world.regions[name] {
            let head = BlockReference(blockNum: other.head.number, blockID: other.head.id)
            said.hears = [
                .init(
                    name: name, ageMS: other.isSilent ? 7000 : 300, report: report(name, 2, other),
                    held: isActive || state.nodeosHead != nil ? nil : head,
                    peers: (1...3).map { .init(id: $0, ageMS: other.isSilent ? 7000 : 300) })
            ]
        }
        if let number = state.nodeosHead {
            var nodeos = StatusDocument.Nodeos(http: "http://127.0.0.1:8888", reachable: true)
            let block = world.regions.values.flatMap(\.blocks).first { $0.number == number }
            nodeos.head = block.map { BlockReference(blockNum: $0.number, blockID: $0.id) }
            said.nodeos = nodeos
        }
        return said.status
    }
}
