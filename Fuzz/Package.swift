// swift-tools-version: 6.2
// The fuzz targets: one program that has them all. `Fuzz/run` builds and runs it; see README.md.
// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import PackageDescription

// Coverage and address checks on our own layers alone; assertions on, and internals open to the targets.
let checked: [SwiftSetting] = [
    .unsafeFlags(["-sanitize=fuzzer,address", "-enable-testing", "-assert-config", "Debug"])
]
// gold, the default, cannot link this.
let linked: [LinkerSetting] = [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]

func product(_ name: String, _ package: String) -> Target.Dependency { .product(name: name, package: package) }

/// A layer of ours. `Layers` is a link to the project's `Sources`, which `Fuzz/run` makes.
func layer(_ name: String, _ dependencies: [Target.Dependency], without: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Layers/\(name)", exclude: without, swiftSettings: checked)
}

let package = Package(
    name: "prodha-fuzz",
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    ],
    targets: [
        .systemLibrary(name: "CYAML", path: "Layers/CYAML", providers: [.apt(["libyaml-dev"])]),
        layer("Configuration", ["CYAML"]),
        layer("Raft", [product("DequeModule", "swift-collections")]),
        layer("Antelope", [product("Crypto", "swift-crypto")]),
        layer("ProducerHA", ["Antelope", "Raft"]),
        // What reads bytes, without the links themselves: those would bring TLS, and double the time to build.
        layer(
            "Transport", ["Raft", product("DequeModule", "swift-collections"), product("NIOCore", "swift-nio")],
            without: [
                "Calls.swift", "Complaints.swift", "Connection.swift", "LinkStatus.swift", "PeerCertificate.swift",
                "PeerLinks.swift",
            ]),
        layer(
            "HTTP",
            [
                product("Logging", "swift-log"), product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"),
                product("NIOHTTP1", "swift-nio"), product("NIOTLS", "swift-nio"),
            ]),
        .systemLibrary(name: "CSecp256k1", path: "Layers/CSecp256k1", providers: [.apt(["libsecp256k1-dev"])]),
        layer("Keys", ["Antelope", "CSecp256k1", product("Crypto", "swift-crypto")]),
        layer(
            "Gate",
            [
                "Antelope", "HTTP", "Keys", "ProducerHA", "Raft", product("DequeModule", "swift-collections"),
                product("Logging", "swift-log"), product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"),
                product("NIOHTTP1", "swift-nio"),
            ]),
        .systemLibrary(name: "CZlib", path: "Layers/CZlib", providers: [.apt(["zlib1g-dev"])]),
        layer(
            "Transactions",
            [
                "Antelope", "CZlib", "Raft", product("DequeModule", "swift-collections"),
                product("HeapModule", "swift-collections"),
            ]),
        layer("Queue", ["Antelope", "Keys", "Raft", "Transactions", product("DequeModule", "swift-collections")]),
        layer("API", []),
        layer("Failover", []),
        layer(
            "Operations",
            [
                "API", "CZlib", "Configuration", "Failover", "HTTP", product("Crypto", "swift-crypto"),
                product("NIOConcurrencyHelpers", "swift-nio"),
                product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"), product("NIOHTTP1", "swift-nio"),
            ]),
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "API", "Antelope", "Configuration", "Gate", "HTTP", "Keys", "Operations", "ProducerHA", "Queue",
                "Raft", "Transactions", "Transport",
                product("NIOEmbedded", "swift-nio"),
            ], path: "Targets", swiftSettings: checked, linkerSettings: linked),
    ],
    swiftLanguageModes: [.v6]
)
