// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore
import Testing

@testable import HTTP

/// Who gets a connection, and by which names a server may be called.
@Suite struct ClientCountsTests {
    private func origin(_ address: String) throws -> ClientOrigin {
        ClientOrigin(try SocketAddress(ipAddress: address, port: 1))
    }

    private func limits(_ most: Int) -> HTTPLimits {
        var limits = HTTPLimits()
        (limits.maxConnections, limits.maxShareOfOneAddress, limits.reservedForThisMachine) = (most, 0.5, 4)
        return limits
    }

    @Test func oneAddressLeavesRoomForOthers() throws {
        var counts = ClientCounts()
        let limits = limits(8)
        let (one, other) = (try origin("10.0.0.1"), try origin("10.0.0.2"))
        for _ in 0..<4 {
            #expect(counts.refusal(of: one, limits) == nil)
            counts.enter(one)
        }
        #expect(counts.refusal(of: one, limits) == .tooManyOfOneAddress(limit: 4))
        #expect(counts.refusal(of: other, limits) == nil)
        counts.leave(one)
        #expect(counts.refusal(of: one, limits) == nil)
    }

    @Test func aNetworkOfIPv6AddressesIsOneClient() throws {
        #expect(try origin("2001:db8:1:2::1") == origin("2001:db8:1:2:ffff::9"))
        #expect(try origin("2001:db8:1:2::1") != origin("2001:db8:1:3::1"))
        #expect(try origin("::ffff:10.0.0.1") == origin("10.0.0.1"))
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            #expect(try origin(address) == .loopback && origin(address).isLocal)
        }
        for address in ["10.0.0.1", "::2", "::", "128.0.0.1", "fe80::1", "::ffff:10.127.0.1"] {
            #expect(try !origin(address).isLocal, "\(address)")
        }
        #expect(ClientOrigin(try SocketAddress(unixDomainSocketPath: "/x")) == .unixSocket)
        #expect(!ClientOrigin(nil).isLocal)
    }

    @Test func whoeverIsOnTheMachineGetsInWhenAllIsTaken() throws {
        var counts = ClientCounts()
        let limits = limits(4)
        let others = try (1...4).map { try origin("10.0.0.\($0)") }
        for one in others { counts.enter(one) }
        #expect(counts.refusal(of: try origin("10.0.0.9"), limits) == .tooManyConnections(limit: 4))
        for _ in 0..<2 {
            #expect(counts.refusal(of: .loopback, limits) == nil)
            counts.enter(.loopback)
        }
        // Everybody on the machine can take that; whoever may use the socket gets in still.
        #expect(counts.refusal(of: .loopback, limits) == .tooManyConnections(limit: 6))
        for _ in 0..<2 {
            #expect(counts.refusal(of: .unixSocket, limits) == nil)
            counts.enter(.unixSocket)
        }
        #expect(counts.refusal(of: .unixSocket, limits) == .tooManyConnections(limit: 8))
        for origin in [ClientOrigin.unixSocket, .unixSocket, .loopback] { counts.leave(origin) }
        #expect(counts.refusal(of: .loopback, limits) == nil)
        for one in others { counts.leave(one) }
        #expect(counts.refusal(of: others[0], limits) == nil)
    }

    @Test(arguments: [
        ("localhost", true), ("LocalHost:8080", true), ("localhost.", true), ("127.0.0.1:1", true), ("[::1]:1", true),
        ("[::1]", true), ("10.1.2.3", true), ("bp1.example:80", true), ("BP1.EXAMPLE", true), ("bp1.example.", true),
        ("bp2.example", false), ("xbp1.example", false), ("bp1.example.evil", false), ("localhost.evil", false),
        ("", false), (":80", false), ("[::1", false), ("[evil]", false), ("1.2.3", false), ("1.2.3.4.evil", false),
        ("127.0.0.1.", true), ("..", false), ("localhost..", false),
    ])
    func onlyItsNamesAndAddressesCallAServer(_ host: String, _ isPermitted: Bool) {
        let names = HostNames(["bp1.example"])
        let request = Request(method: .GET, path: "/", headers: ["host": host])
        #expect(names.foreignName(in: request) == (isPermitted ? nil : host))
    }

    @Test func aRateIsCountedAnewEachSecond() {
        var rate = Rate()
        func admits(_ milliseconds: Int64) -> Bool {
            rate.admits(3, at: .uptimeNanoseconds(5_000_000_000) + .milliseconds(milliseconds))
        }
        let first = [0, 1, 2, 3, 999].map { admits($0) }
        #expect(first == [true, true, true, false, false])
        let next = [1000, 1001, 1002, 1999, 2000].map { admits($0) }
        #expect(next == [true, true, true, false, true])
    }

    @Test func twoHostsOrNone() throws {
        let names = HostNames([])
        let two = Request(method: .GET, path: "/", headers: ["host": "localhost", "Host": "localhost"])
        #expect(names.foreignName(in: two) == "localhost, localhost")
        #expect(names.foreignName(in: Request(method: .GET, path: "/")) == nil)
        let bySocket = Request(
            method: .GET, path: "/", headers: ["host": "evil"],
            remoteAddress: try SocketAddress(unixDomainSocketPath: "/x"))
        #expect(names.foreignName(in: bySocket) == nil)
    }

    @Test func pagesAreKnownByWhatBrowsersAdd() {
        for (name, value, isPage) in [
            ("origin", "https://x", true), ("Origin", "null", true), ("sec-fetch-site", "same-site", true),
            ("Sec-Fetch-Site", "none", false), ("sec-fetch-mode", "navigate", false),
        ] {
            #expect(Request(method: .GET, path: "/", headers: [name: value]).isFromAPage == isPage, "\(name)")
        }
    }
}
