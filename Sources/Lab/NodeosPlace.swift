// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import FoundationEssentials
import Glibc

/// The folders, ports and settings of the nodeos of a demonstration: one beside each peer, and the outside one.
struct NodeosPlace: Sendable {
    /// nodeos's file.
    let program: String
    let directory: String
    let httpPorts: [Part: Int]
    let p2pPorts: [Part: Int]
    /// Where peers' gates take p2p links from outside, and their own nodeos's questions for a signature.
    let gatePorts: [Int: Int]
    let signerPorts: [Int: Int]

    static let peers = DemoRegion.single.peers
    static let all = peers.map { Part.nodeos($0) } + [.outside]
    /// How many it needs.
    static let ports = 2 * all.count + 2 * peers.count

    init(program: String, directory: String, ports: [Int]) {
        self.program = program
        self.directory = directory
        var rest = ports[...]
        func take<Key: Hashable>(_ keys: [Key]) -> [Key: Int] {
            defer { rest = rest.dropFirst(keys.count) }
            return Dictionary(uniqueKeysWithValues: zip(keys, rest))
        }
        httpPorts = take(Self.all)
        p2pPorts = take(Self.all)
        gatePorts = take(Self.peers)
        signerPorts = take(Self.peers)
    }

    func folder(of part: Part) -> String { "\(directory)/nodeos-\(part.peer.map { "\($0)" } ?? "outside")" }
    func keyFile(of peer: Int) -> String { "\(directory)/peer-\(peer).key" }

    /// Writes what nodeos and the peers read at their start.
    func prepare() throws {
        for part in Self.all {
            let folder = folder(of: part)
            do {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                let settings = part.peer == nil ? NodeosFiles.settings : NodeosFiles.settings + NodeosFiles.production
                try Data(settings.utf8).write(to: URL(fileURLWithPath: folder + "/config.ini"))
                try Data(NodeosFiles.genesis.utf8).write(to: URL(fileURLWithPath: folder + "/genesis.json"))
            } catch {
                throw DemoFailure(description: "cannot write to \(folder): \(Workplace.reason(error))")
            }
        }
        for peer in Self.peers { try writeKey(keyFile(of: peer)) }
    }

    /// Nobody else may read it: `prodha run` looks at that.
    private func writeKey(_ path: String) throws {
        unlink(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        let text = DevelopmentKey.privateText + "\n"
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, write(descriptor, text, text.utf8.count) == text.utf8.count else {
            throw DemoFailure(description: "cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// A peer's keys under `nodeos`, as a member of its configuration file.
    func configuration(of peer: Int) -> String {
        func address(_ port: Int?) -> String { "127.0.0.1:\(port ?? 0)" }
        let gates = Self.peers.filter { $0 < peer }.map { #""\#(address(gatePorts[$0]))""# }
        return """
              "nodeos": {
                "http": "http://\(address(httpPorts[.nodeos(peer)]))",
                "p2p": {
                  "node": "\(address(p2pPorts[.nodeos(peer)]))",
                  "listen": "\(address(gatePorts[peer]))",
                  "peers": [\(gates.joined(separator: ", "))]
                },
                "signer": {
                  "listen": "\(address(signerPorts[peer]))",
                  "public_key": "\(DevelopmentKey.publicText)",
                  "key_file": \(quoted(keyFile(of: peer)))
                }
              }
            """
    }

    private func quoted(_ text: String) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }

    /// What nodeos is started with. One that has blocks already may have been killed, and then reads them all again.
    func command(of part: Part) -> [String] {
        let folder = folder(of: part)
        var words = [
            program, "--config-dir", folder, "--data-dir", folder + "/data",
            "--http-server-address", "127.0.0.1:\(httpPorts[part] ?? 0)",
            "--p2p-listen-endpoint", "127.0.0.1:\(p2pPorts[part] ?? 0)",
        ]
        if access(folder + "/data/blocks/blocks.log", F_OK) == 0 {
            words.append("--replay-blockchain")
        } else {
            words += ["--genesis-json", folder + "/genesis.json"]
        }
        if let peer = part.peer {
            let signer = "http://127.0.0.1:\(signerPorts[peer] ?? 0)/v1/wallet/sign_digest"
            words += ["--signature-provider", "\(DevelopmentKey.publicText)=KEOSD:\(signer)"]
        } else {
            for gate in Self.peers { words += ["--p2p-peer-address", "127.0.0.1:\(gatePorts[gate] ?? 0)"] }
        }
        return words
    }

    /// The file of the nodeos that was asked for by a path, or by a name to be found in PATH.
    static func find(_ name: String, environment: [String: String]) throws -> String {
        if let file = programFile(name, environment: environment) { return file }
        let how =
            "`make demo-nodeos` in prodha's sources fetches one and uses it; Tests/Nodeos/get-nodeos prints its path"
        throw DemoFailure(
            description: name.contains("/")
                ? "\(name) is no program that can be started; \(how)"
                : "there is no \(name) in PATH; give its path (--nodeos PATH), or get one: \(how)")
    }
}
