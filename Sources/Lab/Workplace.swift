// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import FoundationEssentials
import Glibc

/// Why a demonstration cannot begin, or go on.
struct DemoFailure: Error, CustomStringConvertible {
    var description: String
    /// The end of a peer's log, if that says more.
    var log: [String] = []
}

/// A group of a demonstration. No two peers have the same id, whatever their regions.
struct DemoRegion: Hashable, Sendable {
    let name: String
    let peers: [Int]

    static let quorum = 2
    /// The first of them begins as the active one.
    static let pair = [DemoRegion(name: "east", peers: [1, 2, 3]), DemoRegion(name: "west", peers: [4, 5, 6])]
    /// With nodeos, of which there are enough with three.
    static let single = DemoRegion(name: "default", peers: [1, 2, 3])
}

/// The directory and the ports of a demonstration.
struct Workplace: Sendable {
    let directory: String
    /// Made for this run alone, and removed after it.
    let isTemporary: Bool
    /// Of the links between peers, and of their APIs.
    let linkPorts: [Int: Int]
    let apiPorts: [Int: Int]
    /// Nil: an embedded block producer makes the blocks.
    let nodeos: NodeosPlace?

    /// Of a demonstration with nodeos one, else two.
    var regions: [DemoRegion] { Self.regions(hasNodeos: nodeos != nil) }
    var peers: [Int] { regions.flatMap(\.peers) }

    private static func regions(hasNodeos: Bool) -> [DemoRegion] {
        hasNodeos ? [DemoRegion.single] : DemoRegion.pair
    }

    /// How a process is started, and where its output goes.
    struct Command: Hashable, Sendable {
        /// The program and its arguments.
        var words: [String]
        var logFile: String
    }

    /// With nodeos each peer has a file of its own, since it names the peer's own nodeos; else each region.
    func configurationFile(of peer: Int) -> String {
        nodeos == nil ? configurationFile(of: region(of: peer)) : "\(directory)/peer-\(peer).json"
    }
    func configurationFile(of region: DemoRegion) -> String { "\(directory)/\(region.name).json" }
    /// What was said by the commands that an operator would type.
    var operatorsFile: String { directory + "/operator.log" }
    private func region(of peer: Int) -> DemoRegion {
        regions.first { $0.peers.contains(peer) } ?? DemoRegion.single
    }
    func dataDirectory(of peer: Int) -> String { "\(directory)/peer-\(peer)" }

    /// The processes of a peer, in the order in which they are started.
    func parts(of peer: Int) -> [Part] { nodeos == nil ? [.prodha(peer)] : [.nodeos(peer), .prodha(peer)] }

    func logFile(of part: Part) -> String {
        switch part {
        case .prodha(let peer): "\(directory)/peer-\(peer).log"
        case .nodeos(let peer): "\(directory)/nodeos-\(peer).log"
        case .outside: "\(directory)/nodeos-outside.log"
        }
    }

    /// - Parameter program: this program's file.
    func command(of part: Part, program: String) -> Command {
        let words: [String]
        switch part {
        case .prodha(let peer):
            words = [
                program, "run", "--config", configurationFile(of: peer), "--self", "\(peer)", "--data-dir",
                dataDirectory(of: peer),
            ]
        case .nodeos, .outside: words = nodeos?.command(of: part) ?? []
        }
        return Command(words: words, logFile: logFile(of: part))
    }

    /// - Parameter nodeos: its program's file; nil for a demonstration without it.
    static func prepare(directory: String?, nodeos: String?, environment: [String: String]) throws -> Workplace {
        let peers = regions(hasNodeos: nodeos != nil).flatMap(\.peers)
        var ports = try FreePorts.take(2 * peers.count + (nodeos == nil ? 0 : NodeosPlace.ports))[...]
        let marker = nodeos == nil ? "east.json" : "peer-1.json"
        let path = try directory.map { try use($0, leftBy: marker) } ?? makeTemporary(environment)
        func take() -> [Int: Int] {
            defer { ports = ports.dropFirst(peers.count) }
            return Dictionary(uniqueKeysWithValues: zip(peers, ports))
        }
        let place = Workplace(
            directory: path, isTemporary: directory == nil, linkPorts: take(), apiPorts: take(),
            nodeos: nodeos.map { NodeosPlace(program: $0, directory: path, ports: Array(ports)) })
        do {
            for peer in peers {
                let file = place.configurationFile(of: peer)
                do {
                    try Data(place.configuration(of: peer).utf8).write(to: URL(fileURLWithPath: file))
                } catch {
                    throw DemoFailure(description: "cannot write \(file): \(reason(error))")
                }
            }
            try place.nodeos?.prepare()
        } catch {
            place.leave()
            throw error
        }
        return place
    }

    /// What a peer is started with: the keys that differ from their defaults.
    func configuration(of peer: Int) -> String {
        let region = region(of: peer)
        let peers = region.peers.map { id in
            let link = linkPorts[id] ?? 0
            let api = apiPorts[id] ?? 0
            return #"    {"id": \#(id), "address": "127.0.0.1:\#(link)", "api": "127.0.0.1:\#(api)"}"#
        }
        return """
            {
              "is_active_raft_cluster": \(region == regions.first),
              "leader_election_quorum_size": \(DemoRegion.quorum),
              "peers": [
            \(peers.joined(separator: ",\n"))
              ]\(nodeos.map { ",\n" + $0.configuration(of: peer) } ?? manyRegions(region))
            }

            """
    }

    private func manyRegions(_ own: DemoRegion) -> String {
        let regions = regions.map { region in
            let peers = region.peers.map { #"{"id": \#($0), "api": "http://127.0.0.1:\#(apiPorts[$0] ?? 0)"}"# }
            return #"    {"name": "\#(region.name)", "peers": ["# + "\n      " + peers.joined(separator: ",\n      ")
                + "\n    ]}"
        }
        return """
            ,
              "region": "\(own.name)",
              "return_gate_ms": \(Self.returnGateMS),
              "regions": [
            \(regions.joined(separator: ",\n"))
              ]
            """
    }

    /// A region that was dead for longer asks the other one before it produces: less than the demonstration leaves one dead.
    private static let returnGateMS = 2000

    /// Removes what was made for this run alone.
    func leave() {
        if isTemporary { try? FileManager.default.removeItem(atPath: directory) }
    }

    private static func makeTemporary(_ environment: [String: String]) throws -> String {
        let place = TemporaryDirectory.usualPlace(environment)
        guard let directory = TemporaryDirectory.make("demo", in: place) else {
            throw DemoFailure(
                description: "cannot make a directory in \(place): \(String(cString: strerror(errno))); "
                    + "set TMPDIR, or give --directory")
        }
        return directory
    }

    /// A directory that was asked for: new, empty, or left by an earlier demonstration of the same kind, which `marker`
    /// tells.
    private static func use(_ path: String, leftBy marker: String) throws -> String {
        var working = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        var path = path
        if !path.hasPrefix("/"), getcwd(&working, working.count) != nil {
            let bytes = working.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            path = String(decoding: bytes, as: UTF8.self) + "/" + path
        }
        let names: [String]
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw DemoFailure(description: "cannot use \(path) as a directory: \(reason(error)); give another one")
        }
        guard names.isEmpty || names.contains(marker) else {
            throw DemoFailure(
                description: "\(path) has other files in it; give a new directory, an empty one, or one that a "
                    + "demonstration of the same kind left")
        }
        guard access(path, W_OK) == 0 else {
            throw DemoFailure(
                description: "cannot write to \(path): \(String(cString: strerror(errno))); give another directory")
        }
        return path
    }

    static func reason(_ error: any Error) -> String {
        (error as? CocoaError).flatMap { $0.underlying as? POSIXError }.map {
            String(cString: strerror($0.code.rawValue))
        } ?? "\(error)"
    }
}
