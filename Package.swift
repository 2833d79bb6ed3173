// swift-tools-version: 6.2
// prodha: high availability for block producers of EOSIO-style chains.
// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import PackageDescription

// Set by `make test` and CI; elsewhere a newer compiler's new warnings must not break a build.
let strict: [SwiftSetting] =
    Context.environment["PRODHA_STRICT"] == "1" ? [.treatAllWarnings(as: .error)] : []

func product(_ name: String, _ package: String) -> Target.Dependency { .product(name: name, package: package) }

// The layers, bottom to top. A layer depends on layers above it in this list only; Tests/LayersTests checks that.
let layers: [Target] = [
    .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
    .target(name: "Configuration", dependencies: ["CYAML"]),
    .target(name: "Raft", dependencies: [product("DequeModule", "swift-collections")]),
    .target(name: "Antelope", dependencies: [product("Crypto", "swift-crypto")]),
    .target(name: "ProducerHA", dependencies: ["Antelope", "Raft"]),
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
    .target(
        name: "Storage",
        dependencies: ["CSQLite", "ProducerHA", "Raft", product("NIOConcurrencyHelpers", "swift-nio")]),
    .target(
        name: "Transport",
        dependencies: [
            "Raft", product("Logging", "swift-log"), product("NIOCore", "swift-nio"),
            product("NIOPosix", "swift-nio"), product("NIOSSL", "swift-nio-ssl"), product("NIOTLS", "swift-nio"),
        ]),
    .target(
        name: "HTTP",
        dependencies: [
            product("Logging", "swift-log"), product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"),
            product("NIOHTTP1", "swift-nio"),
        ]),
    .target(name: "API"),
    .target(
        name: "Node",
        dependencies: [
            "API", "Antelope", "Configuration", "HTTP", "ProducerHA", "Raft", "Storage", "Transport",
            product("DequeModule", "swift-collections"), product("Logging", "swift-log"),
            product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"), product("NIOSSL", "swift-nio-ssl"),
            product("NIOConcurrencyHelpers", "swift-nio"),
        ]),
    .target(
        name: "Operations",
        dependencies: [
            "API", "Configuration", "HTTP", product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"),
            product("NIOHTTP1", "swift-nio"),
        ]),
    .target(
        name: "Lab",
        dependencies: [
            "API", "Antelope", "HTTP", product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"),
            product("NIOHTTP1", "swift-nio"),
        ]),
    .executableTarget(
        name: "prodha",
        dependencies: [
            "Configuration", "Lab", "Node", "Operations", product("ArgumentParser", "swift-argument-parser"),
        ]),
]

let tests: [Target] = [
    .testTarget(name: "LayersTests"),
    .testTarget(name: "ConfigurationTests", dependencies: ["Configuration"]),
    .testTarget(name: "AntelopeTests", dependencies: ["Antelope"], resources: [.copy("Fixtures")]),
    .testTarget(
        name: "TransportTests",
        dependencies: [
            "Transport", "Raft", product("Logging", "swift-log"), product("NIOCore", "swift-nio"),
            product("NIOPosix", "swift-nio"), product("NIOSSL", "swift-nio-ssl"),
        ]),
    .testTarget(
        name: "HTTPTests",
        dependencies: [
            "HTTP", product("Logging", "swift-log"), product("NIOConcurrencyHelpers", "swift-nio"),
            product("NIOCore", "swift-nio"), product("NIOHTTP1", "swift-nio"), product("NIOPosix", "swift-nio"),
        ]),
    .target(name: "Simulation", dependencies: ["Antelope", "ProducerHA", "Raft"], path: "Tests/Simulation"),
    .testTarget(name: "SimulationTests", dependencies: ["Simulation"]),
    .testTarget(name: "RaftTests", dependencies: ["Raft"]),
    .testTarget(name: "ProducerHATests", dependencies: ["Antelope", "ProducerHA", "Raft"]),
    .testTarget(name: "APITests", dependencies: ["API"]),
    .testTarget(name: "AcceptanceTests", dependencies: ["Antelope"], path: "Tests/Acceptance"),
    .testTarget(
        name: "StorageTests",
        dependencies: [
            "CSQLite", "ProducerHA", "Raft", "Storage", product("NIOConcurrencyHelpers", "swift-nio"),
        ]),
    .testTarget(
        name: "LabTests",
        dependencies: [
            "API", "Antelope", "HTTP", "Lab", product("Logging", "swift-log"),
            product("NIOConcurrencyHelpers", "swift-nio"), product("NIOCore", "swift-nio"),
            product("NIOHTTP1", "swift-nio"), product("NIOPosix", "swift-nio"),
        ]),
    .testTarget(
        name: "OperationsTests",
        dependencies: [
            "API", "Configuration", "HTTP", "Operations", product("Logging", "swift-log"),
            product("NIOConcurrencyHelpers", "swift-nio"), product("NIOCore", "swift-nio"),
            product("NIOHTTP1", "swift-nio"), product("NIOPosix", "swift-nio"),
        ], exclude: ["Snapshots"]),
]

for target in layers + tests where target.type != .system {
    target.swiftSettings = (target.swiftSettings ?? []) + strict
}

let package = Package(
    name: "prodha",
    products: [.executable(name: "prodha", targets: ["prodha"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    ],
    targets: layers + tests,
    swiftLanguageModes: [.v6]
)
