// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// What the tests share: the sample files, and short ways to load them.

import Testing

@testable import Configuration

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

enum Samples {
    /// The file that Taurus's documentation shows.
    static func taurus(self id: Int? = 1, extra: String = "", peers: String = Samples.peers) -> String {
        let own = id.map { "\"self\": \($0), " } ?? ""
        return "{\"is_active_raft_cluster\": true, \"leader_election_quorum_size\": 2, \(own)"
            + "\"logging_level\": 3,\(extra)\n\"peers\": \(peers)}"
    }

    static let peers = """
        [{"id": 1, "listening_port": 8988, "address": "localhost:8988"}, {"id": 2, "address": "localhost:8989"}, \
        {"id": 3, "address": "localhost:8990"}]
        """

    /// The same group, in a file of our own: rules of our own are errors here.
    static func extended(_ extra: String = "", peers: String = Samples.peers) -> String {
        taurus(extra: " \"region\": \"east\",\(extra.isEmpty ? "" : " " + extra + ",")", peers: peers)
    }

    static let yaml = """
        # a group in the east
        is_active_raft_cluster: true
        leader_election_quorum_size: 2
        self: 1
        region: east
        peers:
          - id: 1
            address: bp1.example.com:8988
          - {id: 2, address: "bp2.example.com:8988"}
          - id: 3
            address: '[2001:db8::3]:8988'
            listening_port: "8999"
        """

    static let publicKey = "EOS6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV"
}

func load(
    _ text: String, _ file: String = "group.json", overrides: ConfigurationLoader.Overrides = .init(),
    environment: [String: String] = [:], purpose: ConfigurationLoader.Purpose = .peer, tlsCheck: TLSCheck? = nil
) -> LoadResult {
    ConfigurationLoader.load(
        bytes: Array(text.utf8), file: file, overrides: overrides, environment: environment, purpose: purpose,
        tlsCheck: tlsCheck)
}

extension LoadResult {
    var errors: [Diagnostic] { diagnostics.filter { $0.severity == .error } }
    var warnings: [Diagnostic] { diagnostics.filter { $0.severity == .warning } }

    func has(_ severity: Diagnostic.Severity, _ key: String?, _ part: String) -> Bool {
        diagnostics.contains { $0.severity == severity && $0.key == key && $0.description.contains(part) }
    }
}

/// The only error of `text`.
func soleError(_ text: String, _ file: String = "group.json", at location: SourceLocation = #_sourceLocation) throws
    -> Diagnostic
{
    let result = load(text, file)
    #expect(result.configuration == nil, sourceLocation: location)
    #expect(result.errors.count == 1, "\(result.diagnostics)", sourceLocation: location)
    return try #require(result.errors.first, sourceLocation: location)
}

/// A folder that goes away with the test.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/configuration-tests-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in buffer.baseAddress.flatMap { mkdtemp($0) } }
        path = String(cString: try #require(made))
    }

    deinit { remove(path, recursively: true) }

    private func remove(_ path: String, recursively: Bool) {
        if let folder = opendir(path) {
            while let entry = readdir(folder) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != ".", name != ".." { unlink("\(path)/\(name)") }
            }
            closedir(folder)
        }
        rmdir(path)
    }

    func write(_ name: String, _ text: String = "secret", mode: UInt32 = 0o600) throws -> String {
        let file = "\(path)/\(name)"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        let written = systemWrite(descriptor, bytes)
        try #require(written == bytes.count)
        try #require(fchmod(descriptor, mode_t(mode)) == 0)
        return file
    }
}

/// A small generator with a seed, so that a failure can be run again.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// The C library's write, out of reach of the method of that name.
private func systemWrite(_ descriptor: Int32, _ bytes: [UInt8]) -> Int {
    write(descriptor, bytes, bytes.count)
}
