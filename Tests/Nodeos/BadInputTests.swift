// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

extension Guarded {
    /// What is wrong is told, and costs one machine at most.
    @Suite struct BadInputTests {
        /// Nobody's key.
        private static let otherWIF = "5JHtiVcT8ofYawwQXNPufwY4d64ss3W7dtyyQv9huwYAc2TvgEL"
        private static let otherKey = "EOS4zyE3mrEfqNJ9sbbRDk9qVfYqbZEot4rS91rLXxWPDUkbCXWiU"

        private func follower(_ chain: GuardedChain) async throws -> Machine {
            chain.others(than: try await chain.producer())[0]
        }

        @Test func aKeyFileThatCannotBeUsedIsToldAtStart() async throws {
            try await withGuardedChain { chain in
                let machine = try await follower(chain)
                try #require(try await machine.peer.terminate() == .exit(0))
                let broken: [(key: String, mode: Int, told: String)] = [
                    (Self.otherWIF, 0o600, "not of nodeos.signer.public_key"),
                    (Nodeos.developmentWIF, 0o644, "chmod 600"),
                    ("5KQwrPbwdL6", 0o600, "private key"),
                ]
                for (key, mode, told) in broken {
                    try machine.write(key: key, mode: mode)
                    let mark = machine.peer.log.count
                    try await machine.peer.start()
                    try #require(try await machine.peer.end() == .exit(78))
                    let said = String(machine.peer.log.dropFirst(mark))
                    #expect(said.contains(told), "\(said)")
                    #expect(!said.contains(key), "it tells the key")
                }
                try await chain.advances()
                try machine.write(key: Nodeos.developmentWIF)
                try await machine.restart(.prodha)
            }
        }

        /// The key file is that of the configuration, but nodeos has been told another key.
        @Test func aSignerOfAnotherKeyThanNodeosWantsDoesNotStopTheChain() async throws {
            try await withGuardedChain { chain in
                let machine = try await follower(chain)
                try #require(try await machine.peer.terminate() == .exit(0))
                try machine.write(key: Self.otherWIF)
                try setKey(Self.otherKey, of: machine)
                try await machine.restart(.prodha)
                try await transfer(to: machine, in: chain)
                try await eventually("the refusal is counted") {
                    (try await machine.status()["signer.refused.wrong_key"]?.int ?? 0) > 0
                }
                try await eventually("nodeos's log says why") { machine.nodeos.log.contains("this gate signs for") }
                // Nothing is made there, so another one takes over.
                try await chain.producer(among: chain.others(than: machine))
                try await chain.advances()

                try #require(try await machine.peer.terminate() == .exit(0))
                try machine.write(key: Nodeos.developmentWIF)
                try setKey(Nodeos.developmentKey, of: machine)
                try await machine.restart(.prodha)
            }
        }

        private func setKey(_ key: String, of machine: Machine) throws {
            try machine.peer.edit { document in
                guard var nodeos = document["nodeos"], var signer = nodeos["signer"] else { return }
                signer["public_key"] = .string(key)
                nodeos["signer"] = signer
                document["nodeos"] = nodeos
            }
        }

        /// Leads, or has led.
        private func transfer(to machine: Machine, in chain: GuardedChain) async throws {
            try await eventually("peer \(machine.peer.id) leads") {
                for other in chain.others(than: machine) {
                    let answer = try await other.peer.post("/v1/prodha/transfer", ["to": .int(machine.peer.id)])
                    if answer.status == 200 { return true }
                }
                return false
            }
        }

        @Test func aNodeosOfAnotherChainIsToldAndLeftAlone() async throws {
            try await withGuardedChain { chain in
                let machine = try await follower(chain)
                try await machine.nodeos.terminate()
                try machine.nodeos.wipe()
                try machine.nodeos.setGenesisTime("2024-01-01T00:00:00.000")
                try await machine.nodeos.startAndServe()
                try await eventually("it is told") {
                    try await machine.status()["condition"]?.string == "wrong_chain"
                }
                try await machine.peer.says("another chain")
                // Whatever becomes of a transfer to it, the chain goes on, and nothing is made there.
                _ = try await chain.producer().peer.post("/v1/prodha/transfer", ["to": .int(machine.peer.id)])
                try await chain.advances(by: 8)
                try #require(try await machine.nodeos.head().number == 1)

                try await machine.nodeos.terminate()
                try machine.nodeos.wipe()
                try machine.nodeos.setGenesisTime("2025-01-01T00:00:00.000")
                try await machine.nodeos.startAndServe()
            }
        }

        @Test func aNodeosWithADirtyDatabaseIsToldAndHowToGoOn() async throws {
            try await withGuardedChain { chain in
                let machine = try await chain.producer()
                try await machine.nodeos.kill()
                // As a service manager does.
                try await machine.nodeos.start()
                try await machine.nodeos.end()
                try #require(machine.nodeos.log.contains("dirty"))
                try await eventually("what to do is told") {
                    let status = try await machine.status()
                    return status["reachable"]?.bool == false && status["condition"]?.string == "unreachable"
                        && status["problem"]?.string?.contains("--replay-blockchain") == true
                }
                try await chain.advances()
                try await machine.restart(.nodeos)
            }
        }

        @Test func aSecondProdhaBesideTheSameNodeosDoesNotStart() async throws {
            try await withGuardedChain { chain in
                for machine in chain.machines {
                    // The file is that of another group, but for the nodeos and what goes with it.
                    var document = try JSON(parsing: Array(try Data(contentsOf: machine.peer.configurationFile)))
                    let ports = try Ports.free(6)
                    document["peers"] = .array(
                        (0..<3).map { index in
                            [
                                "id": .int(index + 1), "address": .string("127.0.0.1:\(ports[2 * index])"),
                                "api": .string("127.0.0.1:\(ports[2 * index + 1])"),
                            ]
                        })
                    document["self"] = 1
                    document["api"] = nil
                    document["data_dir"] = .string(machine.peer.directory.appending(path: "second").path)
                    let file = machine.peer.directory.appending(path: "second.json")
                    try document.text.write(to: file, atomically: true, encoding: .utf8)
                    let second = try await Program.run(
                        ["run", "--config", file.path], in: machine.peer.directory)
                    #expect(second.ending == .exit(75))
                    #expect(second.everything.contains("another prodha of this machine guards"), "\(second)")
                }
                try await chain.advances()
            }
        }

        @Test func garbageOnP2PHarmsNobodyElse() async throws {
            try await withGuardedChain { chain in
                let info = try await chain.outside.info()
                let machine = try await chain.producer()
                let links = try await up(machine)
                try #require(links > 0)
                let before = try await turnedAway(machine)
                let port = machine.gatePort
                let held = try await offload { try Self.abuse(port, info) }
                try await chain.advances(by: 6)
                // All that closed their side, and those of the others that sent garbage.
                try await eventually("they are turned away, and counted") {
                    let count = try await turnedAway(machine) - before
                    guard count > Double(held.count) else { throw TimedOut(description: "\(count)") }
                    return true
                }
                withExtendedLifetime(held) {}
                // Of many complaints of one kind it writes one, maybe before all this.
                try await machine.peer.says("p2p: no link with 127.0.0.1")
                try #require(try await up(machine) >= links, "a link of somebody else was lost")
            }
        }

        private func up(_ machine: Machine) async throws -> Int {
            let links = try #require(try await machine.status()["p2p.links"]?.array)
            return links.count { $0["up"]?.bool == true }
        }

        private func turnedAway(_ machine: Machine) async throws -> Double {
            let page = try await machine.peer.get("/metrics").text
            let line = page.split(separator: "\n").first { $0.hasPrefix("prodha_p2p_turned_away_total{") }
            return try #require(line?.split(separator: " ").last.flatMap { Double($0) })
        }

        /// What nodes do that are none; the links that stay open.
        private static func abuse(_ port: Int, _ info: JSON) throws -> [Socket] {
            let noise = (0..<50_000).map { _ in UInt8.random(in: .min ... .max) }
            let hello = try RawLink.handshake(info)
            let openings: [[UInt8]] = [
                noise, [], [1], [0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff, 7], Array("GET / HTTP/1.1\r\n\r\n".utf8),
                Array(hello.dropLast()), hello + noise, hello + RawLink.frame(7, Array(noise.prefix(500))),
                hello + RawLink.little(UInt32(1000)) + [7] + noise.prefix(100), RawLink.frame(7, []),
                RawLink.frame(0, Array(noise.prefix(300))), hello + RawLink.little(UInt32(1 << 30)),
            ]
            let deadline = ContinuousClock.now + .seconds(60)
            var held: [Socket] = []
            for opening in openings {
                for stays in [false, true] {
                    let socket = try Socket(port: port, deadline: deadline)
                    // Being cut off for it is fine.
                    try? socket.send(opening, unlessAnswered: true, deadline: deadline)
                    if stays { held.append(socket) }
                }
            }
            return held
        }

        @Test func aPeerThatStopsInTheMiddleOfAFrameIsLetGo() async throws {
            try await withGuardedChain { chain in
                let machine = try await chain.producer()
                let info = try await chain.outside.info()
                let mark = machine.peer.log.count
                let port = machine.gatePort
                let isLetGo = try await offload {
                    let link = try RawLink(port: port)
                    try link.send(try RawLink.handshake(info))
                    // A notice may come first.
                    while let frame = try link.receive(), frame.kind != 0 {}
                    try link.send(RawLink.little(UInt32(10_000)) + [7, 1, 2, 3])
                    return try link.isClosed(within: .seconds(30))
                }
                #expect(isLetGo)
                try await machine.peer.says("in the middle of a message", after: mark)
                try await chain.advances()
            }
        }
    }
}
