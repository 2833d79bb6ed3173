// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Configuration
import Glibc
import HTTP
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import Operations
@testable import Said

/// Servers on loopback for one test, and the loop that they and the inspector live on.
final class Loopback: Sendable {
    let loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.any()

    /// A peer's API, which gives the same answer to all and says what it was asked.
    func serve(
        status: HTTPResponseStatus = .ok, body: @escaping @Sendable (_ path: String, _ token: String?) -> [UInt8]
    ) async throws -> Int {
        let loop = loop
        return try await serve { request in
            let token = request.headers.first(name: "authorization")
            return loop.makeSucceededFuture(.json(status, body(request.path, token)))
        }
    }

    func serve(_ handler: @escaping @Sendable (Request) -> EventLoopFuture<Response>) async throws -> Int {
        let loop = loop
        return try await loop.flatSubmit {
            let server = HTTPServer(eventLoop: loop, logger: Logger(label: "test"), handler: handler)
            let bound = NIOLoopBound(server, eventLoop: loop)
            return server.start(host: "127.0.0.1", port: 0).map { bound.value.port ?? 0 }
        }.get()
    }

    /// A listener that writes `text` to whoever connects, and then closes or keeps silent.
    func listen(writing text: String, thenClose: Bool) async throws -> Int {
        let channel = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Blurt(text: text, thenClose: thenClose))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return channel.localAddress?.port ?? 0
    }

    /// A port that nothing listens on. A socket is bound to it until the end, so that nobody else takes it.
    func closedPort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        try #require(isBound)
        return Int(UInt16(bigEndian: address.sin_port))
    }

    func inspector(_ source: PeerSource, timeout: Duration = .seconds(2), token: String? = nil) -> Inspector {
        Inspector(
            source: source, timeout: timeout, credentials: Credentials(token: token), eventLoop: loop)
    }
}

private final class Blurt: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let text: String
    private let thenClose: Bool

    init(text: String, thenClose: Bool) {
        self.text = text
        self.thenClose = thenClose
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !text.isEmpty else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        if thenClose { context.close(promise: nil) }
    }
}

func api(_ port: Int) -> ServiceURL {
    ServiceURL(scheme: .http, endpoint: HostPort(host: "127.0.0.1", port: port))
}

/// What a file with these APIs gives. The loader wants three peers; those that were not asked for are taken out again.
func directory(_ region: String, _ ports: [Int], others: [Region] = []) throws -> PeerDirectory {
    let all = ports + [1, 2, 3].prefix(max(0, 3 - ports.count))
    let peers = all.enumerated().map { index, port in
        #"{"id": \#(index + 1), "address": "127.0.0.1:\#(8988 + index)", "api": "http://127.0.0.1:\#(port)"}"#
    }
    let text = """
        {"leader_election_quorum_size": \(all.count / 2 + 1), "region": "\(region)",
         "peers": [\(peers.joined(separator: ","))]}
        """
    let result = ConfigurationLoader.load(bytes: Array(text.utf8), file: "test.json", environment: [:], purpose: .tool)
    var directory = try #require(result.directory, "\(result.diagnostics)")
    directory.peers = Array(directory.peers.prefix(ports.count))
    directory.regions = others
    return directory
}

@Suite struct InspectTests {
    private let net = Loopback()

    @Test func everyPeerIsReportedAndNoneWaitsForAnother() async throws {
        let half = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"schema_version\""
        let well = Said.leader(1) { $0.members = Array(1...9) }.status.json()
        let newer = Array(#"{"schema_version": 2, "peer": "what a later version may say"}"#.utf8)
        let overloaded = ErrorDocument(.tooManyConnections).json()
        let stranger = Said.follower(3) { $0.region = "west" }.status.json()
        let ports = [
            try await net.serve { _, _ in well },
            try net.closedPort(),
            try await net.listen(writing: "", thenClose: false),
            try await net.listen(writing: "SSH-2.0-OpenSSH_9.2\r\n", thenClose: false),
            try await net.listen(writing: half, thenClose: true),
            try await net.listen(writing: half, thenClose: false),
            try await net.serve(status: .serviceUnavailable) { _, _ in overloaded },
            try await net.serve { _, _ in newer },
            try await net.serve { _, _ in Array("<html>hello</html>".utf8) },
            try await net.serve { _, _ in Array("{}".utf8) },
            try await net.serve { _, _ in stranger },
            try await net.serve { _, _ in Array(repeating: UInt8(ascii: " "), count: Inspector.maxAnswerBytes + 1) },
        ]
        let started = ContinuousClock.now
        let inspection = try await net.inspector(.directory(try directory("east", ports)), timeout: .milliseconds(500))
            .inspect().get()
        let took = ContinuousClock.now - started
        #expect(took >= .milliseconds(450))
        #expect(took < .milliseconds(1400), "two deadlines were waited for one after the other: \(took)")
        #expect(inspection.reports.map(\.target.id) == Array(1...12))
        #expect(inspection.reports[0].answer?.status.peer.id == 1)
        #expect((inspection.reports[0].answer?.roundTrip ?? 0) > 0)
        let failures = inspection.reports.map { $0.failure?.name }
        #expect(
            failures == [
                nil, "connection_refused", "no_answer", "garbage", "broken_off", "no_answer", "http_error",
                "other_schema_version", "garbage", "garbage", "someone_else", "garbage",
            ])
        #expect(inspection.reports[2].failure == .noAnswer(withinMS: 500))
        #expect(
            inspection.reports[6].failure
                == .httpError(status: 503, name: "too_many_connections", message: ErrorKind.tooManyConnections.what))
        #expect(inspection.reports[7].failure == .otherSchemaVersion(2))
        #expect(inspection.reports[9].failure == .garbage("peer is missing"))
        #expect(inspection.reports[10].failure == .someoneElse(region: "west", id: 3))
        #expect(ClusterView(inspection).regions[0].total == 12)
    }

    @Test func allRegionsOfTheFileAreAsked() async throws {
        let east = try await net.serve { _, _ in Said.leader(1).status.json() }
        let west = try await net.serve { _, _ in Said.leader(7) { $0.region = "west" }.status.json() }
        let regions = [
            Region(name: "west", peers: [.init(id: 7, api: api(west)), .init(id: 8, api: api(try net.closedPort()))]),
            Region(name: "east", peers: [.init(id: 1, api: api(east))]),
        ]
        let inspection = try await net.inspector(.directory(try directory("east", [east], others: regions))).inspect()
            .get()
        #expect(inspection.reports.map(\.target.region) == ["east", "west", "west"])
        #expect(inspection.reports.map { $0.answer != nil } == [true, true, false])
    }

    @Test func aHostThatCannotBeFoundIsOneFailureAmongOthers() async throws {
        var file = try directory("east", [try net.closedPort()])
        file.peers[0].api = ServiceURL(scheme: .http, endpoint: HostPort(host: "nosuchhost.invalid", port: 9988))
        let inspection = try await net.inspector(.directory(file), timeout: .seconds(5)).inspect().get()
        let failure = try #require(inspection.reports[0].failure)
        #expect(failure == .cannotConnect("host name not known") || failure == .noAnswer(withinMS: 5000))
    }

    @Test func httpsWithoutTLSIsSaidNotSkipped() async throws {
        var file = try directory("east", [4])
        file.peers[0].api.scheme = .https
        let inspection = try await net.inspector(.directory(file)).inspect().get()
        #expect(inspection.reports[0].failure?.name == "cannot_be_called")
    }

    /// Three peers that tell each other's APIs, the third of which is down.
    private func group() async throws -> [Int] {
        let shared = SharedPorts()
        var ports: [Int] = []
        for id in 1...2 {
            ports.append(
                try await net.serve { path, token in
                    let ports = shared.ports
                    if token == "Bearer secret", id != 1 { return Array("the token was told to a stranger".utf8) }
                    var said = id == 1 ? Said.leader(1) : .follower(id) { $0.leader = 1 }
                    said.members = [1, 2, 3]
                    var status = said.status
                    status.peer.address = "127.0.0.1:\(30000 + id - 1)"
                    status.peer.api = "http://127.0.0.1:\(ports[id - 1])"
                    for index in status.peers.indices {
                        status.peers[index].api = "http://127.0.0.1:\(ports[status.peers[index].id - 1])"
                    }
                    return status.json()
                })
        }
        ports.append(try net.closedPort())
        shared.ports = ports
        return ports
    }

    @Test func fromOnePeerTheOthersAreLearnt() async throws {
        let ports = try await group()
        let inspector = net.inspector(.api(api(ports[0])), token: "secret")
        for _ in 1...2 {
            let inspection = try await inspector.inspect().get()
            #expect(inspection.reports.map(\.target.id) == [1, 2, 3])
            #expect(inspection.reports.map(\.target.region) == ["east", "east", "east"])
            #expect(inspection.reports.map { $0.target.api?.port } == ports)
            #expect(inspection.reports.map { $0.failure } == [nil, nil, .refused])
            #expect(ClusterView(inspection).regions.count == 1)
        }
    }

    @Test func aPeerThatDiesWhileWatchedStaysListed() async throws {
        let ports = try await group()
        let gate = SharedPorts()
        gate.ports = [0]
        // The given peer: well at first, then garbage.
        let given = try await net.serve { path, _ in
            if !gate.ports.isEmpty, path == "/v1/prodha/status" {
                var status = Said.leader(1).status
                status.peer.address = "127.0.0.1:\(ports[1] - 1)"
                status.peer.api = "http://127.0.0.1:\(ports[1] - 1)"
                status.peers[0].api = "http://127.0.0.1:\(ports[1])"
                status.peers[1].api = "http://127.0.0.1:\(ports[2])"
                return status.json()
            }
            return Array("no".utf8)
        }
        let inspector = net.inspector(.api(api(given)))
        let before = try await inspector.inspect().get()
        #expect(before.reports.map(\.target.id) == [1, 2, 3])
        gate.ports = []
        let after = try await inspector.inspect().get()
        #expect(after.reports.map(\.target.id) == [1, 2, 3])
        #expect(after.reports.map { $0.failure?.name } == ["garbage", nil, "connection_refused"])
        #expect(after.reports.map(\.target.region) == ["east", "east", "east"])
    }

    @Test func nothingReachableIsNotHealthy() async throws {
        let port = try net.closedPort()
        let view = ClusterView(try await net.inspector(.api(api(port))).inspect().get())
        #expect(view.verdict == .unreachable)
        #expect(view.exitCode == 69)
        #expect(view.headline == "nothing is known, 127.0.0.1:\(port) unreachable (connection refused)")
    }
}

@Suite struct TargetChoiceTests {
    private let file: String

    init() throws {
        file = try temporaryFile(
            """
            {"leader_election_quorum_size": 2, "region": "east",
             "peers": [{"id": 1, "address": "a:8988", "api": "http://a:1"}, {"id": 2, "address": "b:8988"},
                       {"id": 3, "address": "c:8988"}],
             "regions": [{"name": "west", "peers": [{"id": 1, "api": "http://d:9988"}]},
                         {"name": "east", "peers": [{"id": 1, "api": "http://a:1"}, {"id": 2, "api": "http://b:9988"}]}]}
            """)
    }

    @Test func theFileNamesEveryPeerOfEveryRegion() throws {
        let source = try TargetChoice(config: file).source(environment: [:])
        #expect(
            source.targets.map { "\($0.region ?? "") \($0.id ?? -1) \($0.api.map(\.description) ?? "")" } == [
                "east 1 http://a:1", "east 2 http://b:9988", "east 3 http://c:9988", "west 1 http://d:9988",
            ])
    }

    @Test func flagsBeatTheEnvironment() throws {
        let environment = ["PRODHA_CONFIG": file, "PRODHA_PEER": "other:1"]
        #expect(try TargetChoice(peer: "here:2").source(environment: environment) == .api(try .init(parsing: "here:2")))
        #expect(try TargetChoice(config: file).source(environment: ["PRODHA_PEER": "other:1"]).targets.count == 4)
        #expect(try TargetChoice().source(environment: environment).targets.count == 4)
        #expect(
            try TargetChoice().source(environment: ["PRODHA_PEER": "other:1", "PRODHA_CONFIG": ""])
                == .api(try .init(parsing: "http://other:1")))
    }

    @Test func mistakesSayWhatToGive() throws {
        func error(_ choice: TargetChoice, _ environment: [String: String] = [:]) -> TargetError? {
            do throws(TargetError) {
                _ = try choice.source(environment: environment)
                return nil
            } catch {
                return error
            }
        }
        let neither = try #require(error(TargetChoice()))
        #expect(neither == .neither && neither.exitCode == 64)
        for word in ["--config", "--peer", "PRODHA_CONFIG", "PRODHA_PEER"] { #expect("\(neither)".contains(word)) }
        #expect(error(TargetChoice(config: file, peer: "a:1")) == .both)
        let noPort = try #require(error(TargetChoice(peer: "localhost")))
        #expect(noPort.exitCode == 64 && "\(noPort)".contains("has no port"))
        #expect("\(try #require(error(TargetChoice(), ["PRODHA_PEER": "x"])))".hasPrefix("PRODHA_PEER: "))
        let absent = try #require(error(TargetChoice(config: "/nonexistent.json")))
        #expect(absent.exitCode == 78 && absent.findings.count == 1)
        #expect(absent.document.json(.oneLine).contains("\"exit_code\": 78"))
    }
}

@Suite struct NeighbourTests {
    @Test func anAPIThatIsNoneIsNotAsked() throws {
        var status = Said.leader(1).status
        status.peers[0].api = nil
        status.peers[1].api = "nonsense"
        #expect(status.neighbours.map(\.id) == [2, 3])
        #expect(status.neighbours.map(\.api) == [nil, nil])
        #expect(status.neighbours.map(\.origin) == [.hearsay, .hearsay])
    }
}
