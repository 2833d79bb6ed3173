// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

/// The layers of the project, bottom to top, and which of them each may import. A layer that needs one which is not in
/// its list needs a reason, and that reason is a change of the design.
private let permitted: [String: Set<String>] = [
    "Configuration": ["CYAML"],
    "Raft": [],
    "Antelope": [],
    "Keys": ["Antelope", "CSecp256k1"],
    "ProducerHA": ["Raft", "Antelope"],
    "Storage": ["Raft", "ProducerHA", "CSQLite", "CThread"],
    "Transport": ["Raft"],
    "HTTP": [],
    "Gate": ["Raft", "Antelope", "Keys", "ProducerHA", "HTTP"],
    "Transactions": ["Raft", "Antelope", "CZlib"],
    "Queue": ["Raft", "Antelope", "Keys", "Transactions"],
    "AMQP": ["CRabbitMQ"],
    "API": [],
    "Node": [
        "Configuration", "Raft", "Antelope", "Keys", "ProducerHA", "Storage", "Transport", "HTTP", "Gate",
        "Transactions", "Queue", "AMQP", "API", "CThread",
    ],
    "Failover": [],
    "Operations": ["Configuration", "Failover", "HTTP", "API", "CZlib"],
    "Lab": ["Antelope", "Keys", "HTTP", "API"],
    "Console": ["Operations", "API", "CLineEditor"],
    "prodha": ["Configuration", "Node", "Operations", "Lab", "Console"],
]

private let systemLibraries: Set<String> = [
    "CSQLite", "CSecp256k1", "CThread", "CYAML", "CZlib", "CRabbitMQ", "CReadline", "CLineEditor",
]

/// What the pure layers may use from outside: nothing that does I/O, knows a clock or starts a thread.
private let permittedOutside: [String: Set<String>] = [
    "Raft": ["DequeModule"], "Antelope": ["Crypto"], "Keys": ["Crypto"], "ProducerHA": [],
    "Transactions": ["DequeModule", "HeapModule"], "Queue": ["DequeModule"], "API": ["FoundationEssentials"],
    "Failover": [],
]

private let sources = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources")

private func imports(of layer: String) throws -> [(file: String, module: String)] {
    let folder = sources.appending(path: layer)
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
    return try files.flatMap { file in
        try String(contentsOf: folder.appending(path: file), encoding: .utf8)
            .split(separator: "\n")
            .filter { $0.hasPrefix("import ") || $0.contains(" import ") && $0.hasPrefix("@") }
            .compactMap { $0.split(separator: " ").last.map(String.init) }
            .map { (layer + "/" + file, $0.split(separator: ".")[0].description) }
    }
}

@Test(arguments: permitted.keys.sorted())
func aLayerImportsOnlyWhatStandsBelowIt(_ layer: String) throws {
    let found = try imports(of: layer)
    let importsNothing = permitted[layer] == [] && permittedOutside[layer] == []
    #expect(found.isEmpty == importsNothing, "imports found in \(layer): \(found.count): is it read?")
    for (file, module) in found {
        if permitted.keys.contains(module) || systemLibraries.contains(module) {
            #expect(permitted[layer]?.contains(module) == true, "\(file) imports \(module)")
        } else if let outside = permittedOutside[layer] {
            #expect(outside.contains(module), "\(file) imports \(module)")
        }
    }
}

@Test func everySourceFolderIsALayer() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: sources.path)
        .filter { !$0.hasPrefix(".") && !systemLibraries.contains($0) }
    #expect(Set(folders) == Set(permitted.keys))
}

@Test func theDaemonStaysFreeOfTheWholeFoundation() throws {
    // It brings its Unicode tables with it, 44 MB of a static program.
    for layer in permitted.keys {
        for (file, module) in try imports(of: layer) { #expect(module != "Foundation", "\(file) imports Foundation") }
    }
}
