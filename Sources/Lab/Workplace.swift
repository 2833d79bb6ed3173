// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import FoundationEssentials
import Glibc

/// Why a demonstration cannot begin, or go on.
struct DemoFailure: Error, CustomStringConvertible {
    var description: String
    /// The end of a peer's log, if that says more.
    var log: [String] = []
}

/// The directory and the ports of a demonstration.
struct Workplace: Sendable {
    let directory: String
    /// Made for this run alone, and removed after it.
    let isTemporary: Bool
    /// Of the links between peers, and of their APIs.
    let linkPorts: [Int: Int]
    let apiPorts: [Int: Int]

    static let peers = [1, 2, 3]
    static let quorum = 2

    var configurationFile: String { directory + "/group.json" }
    func dataDirectory(of peer: Int) -> String { "\(directory)/peer-\(peer)" }
    func logFile(of peer: Int) -> String { "\(directory)/peer-\(peer).log" }

    static func prepare(directory: String?, environment: [String: String]) throws -> Workplace {
        let ports = try FreePorts.take(2 * peers.count)
        let path = try directory.map(use) ?? makeTemporary(environment)
        let place = Workplace(
            directory: path, isTemporary: directory == nil,
            linkPorts: Dictionary(uniqueKeysWithValues: zip(peers, ports)),
            apiPorts: Dictionary(uniqueKeysWithValues: zip(peers, ports.dropFirst(peers.count))))
        do {
            try Data(place.configuration.utf8).write(to: URL(fileURLWithPath: place.configurationFile))
        } catch {
            place.leave()
            throw DemoFailure(description: "cannot write \(place.configurationFile): \(reason(error))")
        }
        return place
    }

    /// What the peers are started with: the keys that differ from their defaults.
    var configuration: String {
        let peers = Self.peers.map { id in
            let link = linkPorts[id] ?? 0
            let api = apiPorts[id] ?? 0
            return #"    {"id": \#(id), "address": "127.0.0.1:\#(link)", "api": "127.0.0.1:\#(api)"}"#
        }
        return """
            {
              "is_active_raft_cluster": true,
              "leader_election_quorum_size": \(Self.quorum),
              "peers": [
            \(peers.joined(separator: ",\n"))
              ]
            }

            """
    }

    /// Removes what was made for this run alone.
    func leave() {
        if isTemporary { try? FileManager.default.removeItem(atPath: directory) }
    }

    private static func makeTemporary(_ environment: [String: String]) throws -> String {
        let base = environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        var template = Array("\(base)/prodha-demo-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw DemoFailure(
                description: "cannot make a directory in \(base): \(String(cString: strerror(errno))); "
                    + "set TMPDIR, or give --directory")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A directory that was asked for: new, empty, or left by an earlier demonstration.
    private static func use(_ path: String) throws -> String {
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
        guard names.isEmpty || names.contains("group.json") else {
            throw DemoFailure(
                description: "\(path) has other files in it; give a new directory, an empty one, or one that a "
                    + "demonstration left")
        }
        guard access(path, W_OK) == 0 else {
            throw DemoFailure(
                description: "cannot write to \(path): \(String(cString: strerror(errno))); give another directory")
        }
        return path
    }

    private static func reason(_ error: any Error) -> String {
        (error as? CocoaError).flatMap { $0.underlying as? POSIXError }.map {
            String(cString: strerror($0.code.rawValue))
        } ?? "\(error)"
    }
}

/// Ports of loopback that nobody uses now.
enum FreePorts {
    /// Below those that the system gives to outgoing connections: a dead peer's port stays free until the peer is back,
    /// and no connection to it can meet itself.
    static func take(_ count: Int) throws -> [Int] {
        let outgoing = outgoingPorts()
        let preferred = outgoing.lowerBound > 11_000 ? 10_000..<min(outgoing.lowerBound, 32_768) : 0..<0
        var held: [Int32] = []
        defer { for socket in held { close(socket) } }
        var ports: [Int] = []
        for candidate in preferred.shuffled().prefix(1000) where ports.count < count {
            guard case .success(let (socket, port)) = hold(candidate) else { continue }
            held.append(socket)
            ports.append(port)
        }
        while ports.count < count {
            switch hold(0) {
            case .success(let (socket, port)):
                held.append(socket)
                ports.append(port)
            case .failure(let error):
                throw DemoFailure(
                    description: "no free port on 127.0.0.1: \(String(cString: strerror(error.code.rawValue))); the "
                        + "demonstration needs \(count) of them")
            }
        }
        return ports
    }

    private static func outgoingPorts() -> Range<Int> {
        let fallback = 32_768..<61_000
        guard let bytes = FileManager.default.contents(atPath: "/proc/sys/net/ipv4/ip_local_port_range") else {
            return fallback
        }
        let numbers = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
            .compactMap { Int($0) }
        guard numbers.count == 2, numbers[0] < numbers[1] else { return fallback }
        return numbers[0]..<numbers[1]
    }

    private static func hold(_ port: Int) -> Result<(socket: Int32, port: Int), POSIXError> {
        func failure() -> Result<(socket: Int32, port: Int), POSIXError> {
            .failure(POSIXError(POSIXError.Code(rawValue: errno) ?? .EIO))
        }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return failure() }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, size) == 0 && getsockname(descriptor, pointer, &size) == 0
            }
        }
        guard bound else {
            defer { close(descriptor) }
            return failure()
        }
        return .success((descriptor, Int(in_port_t(bigEndian: address.sin_port))))
    }
}
