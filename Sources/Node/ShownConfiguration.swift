// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import API
import Configuration

// The configuration as this peer shows it to others: in the form of its file, with every default applied and without
// secrets. A file of this content gives the same configuration again, but for the secrets.

extension Node {
    var configurationDocument: ConfigurationDocument {
        ConfigurationDocument(
            region: settings.region, peer: settings.raft.id.value, file: configuration.file,
            configuration: configuration.shown)
    }
}

extension Configuration {
    /// What must not be in any text that leaves this machine.
    var secrets: [String] {
        // `production` is an argument of a hook, and no secret.
        let arguments = onChange.dropFirst().filter { argument in
            argument.utf8.count >= 16 || !argument.utf8.allSatisfy { ("a"..."z").contains(Unicode.Scalar($0)) }
        }
        return (amqp.map { [$0.address.password] } ?? []) + arguments
    }

    var shown: [String: JSONValue] {
        var all: [String: JSONValue?] = [
            "is_active_raft_cluster": .bool(isActive),
            "leader_election_quorum_size": .whole(quorumSize),
            "self": .whole(selfID),
            "logging_level": .whole(loggingLevel.rawValue),
            "peers": .array(peers.map(\.shown)),
            "leadership_expiry_ms": .milliseconds(leadershipExpiry),
            "heart_beat_interval_ms": .milliseconds(heartbeat),
            "election_timeout_lower_bound_ms": .milliseconds(electionLower),
            "election_timeout_upper_bound_ms": .milliseconds(electionUpper),
            "snapshot_distance": .whole(snapshotDistance),
            "max_clock_drift": .number(maxClockDrift),
            "return_gate_ms": returnGate.map { .milliseconds($0) } ?? .whole(0),
            "require_tls": .bool(requireTLS),
            "region": .string(regionName),
            "regions": regions.isEmpty ? nil : .array(regions.map(\.shown)),
            "api": .object(api),
            "data_dir": .string(dataDirectory),
            "on_change": onChange.first.map { program in
                .array([.string(program)] + onChange.dropFirst().map { _ in .string(Scrubber.mark) })
            },
            "nodeos": .object(nodeos.shown),
            "amqp": amqp.map { .object($0.shown) },
            "enable_ssl": .bool(tls != nil),
        ]
        if let tls {
            all["server_cert_file"] = .string(tls.certificateFile)
            all["server_key_file"] = .string(tls.keyFile)
            all["root_cert_file"] = .string(tls.rootFile)
            all["allowed_ssl_subject_names"] = .array(tls.allowedSubjectNames.map { .string($0) })
        }
        return all.compactMapValues { $0 }
    }

    private var api: [String: JSONValue] {
        let all: [String: JSONValue?] = [
            "listen": .string(apiListen.description),
            "host_names": apiHostNames.isEmpty ? nil : .array(apiHostNames.map { .string($0) }),
            "unix_socket": .text(apiUnixSocket?.path),
            "unix_socket_mode": apiUnixSocket.map { .string("0" + String($0.mode, radix: 8)) },
            "token_file": .text(tokenFile),
            "read_token_file": .text(readTokenFile),
            "tls": apiTLS.map { tls in
                .object(
                    [
                        "cert_file": .string(tls.certificateFile), "key_file": .string(tls.keyFile),
                        "client_ca_file": .text(tls.clientCAFile), "ca_file": .text(apiAuthorityFile),
                    ].compactMapValues { $0 })
            },
        ]
        return all.compactMapValues { $0 }
    }
}

extension Peer {
    fileprivate var shown: JSONValue {
        .object([
            "id": .whole(id), "address": .string(address.description), "listening_port": .whole(listeningPort),
            "api": .string(api.description),
        ])
    }
}

extension Region {
    fileprivate var shown: JSONValue {
        .object([
            "name": .string(name),
            "peers": .array(
                peers.map { .object(["id": .whole($0.id), "api": .string($0.api.description)]) }),
        ])
    }
}

extension NodeosSettings {
    fileprivate var shown: [String: JSONValue] {
        var all: [String: JSONValue?] = ["http": .text(http?.description)]
        if case .only(let names) = producers { all["producers"] = .array(names.map { .string($0) }) }
        if let p2p {
            let links: [String: JSONValue?] = [
                "node": .text(p2p.node?.description), "listen": .text(p2p.listen?.description),
                "peers": .array(p2p.peers.map { .string($0.description) }),
                "local_listen": .text(p2p.localListen?.description),
            ]
            all["p2p"] = .object(links.compactMapValues { $0 })
        }
        if let signer {
            var gate: [String: JSONValue] = [
                "listen": .string(signer.listen.description), "public_key": .string(signer.publicKey),
            ]
            switch signer.key {
            case .file(let path): gate["key_file"] = .string(path)
            case .keosd(let url): gate["keosd_url"] = .string(url.description)
            }
            all["signer"] = .object(gate)
        }
        return all.compactMapValues { $0 }
    }
}

extension QueueSettings {
    fileprivate var shown: [String: JSONValue] {
        let all: [String: JSONValue?] = [
            "address": .string(address.shown),
            "queue": .string(queue),
            "queue_size": .whole(queueSize),
            "retry_timeout_us": .microseconds(retryTimeout),
            "retry_interval_us": .microseconds(retryInterval),
            "ack_mode": .string(ackMode.rawValue),
            "root_cert_file": .text(tls?.rootFile),
            "cert_file": .text(tls?.certificateFile),
            "key_file": .text(tls?.keyFile),
        ]
        return all.compactMapValues { $0 }
    }
}

extension BrokerAddress {
    /// With a mark where the password stands.
    fileprivate var shown: String {
        let reserved = Set("%/?#@: ".utf8)
        func encoded(_ text: String) -> String {
            text.utf8.reduce(into: "") { result, byte in
                result +=
                    byte < 0x7f && !reserved.contains(byte)
                    ? String(Unicode.Scalar(byte)) : "%" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
            }
        }
        let path = virtualHost == "/" ? "" : "/" + encoded(virtualHost)
        return "\(isTLS ? "amqps" : "amqp")://\(encoded(user)):\(Scrubber.mark)@\(endpoint)\(path)"
    }
}

extension JSONValue {
    fileprivate static func whole(_ value: Int) -> JSONValue { .integer(Int64(value)) }
    fileprivate static func text(_ value: String?) -> JSONValue? { value.map { .string($0) } }
    fileprivate static func milliseconds(_ value: Duration) -> JSONValue { .integer(value.inNanoseconds / 1_000_000) }
    fileprivate static func microseconds(_ value: Duration) -> JSONValue { .integer(value.inNanoseconds / 1000) }
}
