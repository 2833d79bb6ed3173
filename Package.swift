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
    .systemLibrary(name: "CSecp256k1", providers: [.apt(["libsecp256k1-dev"])]),
    .target(name: "Keys", dependencies: ["Antelope", "CSecp256k1", product("Crypto", "swift-crypto")]),
    .target(name: "ProducerHA", dependencies: ["Antelope", "Raft"]),
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
    .target(name: "CThread"),
    .target(
        name: "Storage",
        dependencies: ["CSQLite", "CThread", "ProducerHA", "Raft", product("NIOConcurrencyHelpers", "swift-nio")]),
    .target(
        name: "Transport",
        dependencies: [
            "Raft", product("DequeModule", "swift-collections"), product("Logging", "swift-log"),
            product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"), product("NIOSSL", "swift-nio-ssl"),
            product("NIOTLS", "swift-nio"),
        ]),
    .systemLibrary(name: "CRabbitMQ", providers: [.apt(["librabbitmq-dev"])]),
    .target(
        name: "AMQP",
        dependencies: [
            "CRabbitMQ", product("Logging", "swift-log"), product("NIOConcurrencyHelpers", "swift-nio"),
            product("NIOCore", "swift-nio"),
        ]),
    .target(
        name: "HTTP",
        dependencies: [
            product("Logging", "swift-log"), product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"),
            product("NIOHTTP1", "swift-nio"), product("NIOTLS", "swift-nio"),
        ]),
    .target(
        name: "Gate",
        dependencies: [
            "Antelope", "HTTP", "Keys", "ProducerHA", "Raft", product("DequeModule", "swift-collections"),
            product("Logging", "swift-log"), product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"),
            product("NIOHTTP1", "swift-nio"),
        ]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
        name: "Transactions",
        dependencies: [
            "Antelope", "CZlib", "Raft", product("DequeModule", "swift-collections"),
            product("HeapModule", "swift-collections"),
        ]),
    .target(
        name: "Queue",
        dependencies: [
            "Antelope", "Keys", "Raft", "Transactions", product("DequeModule", "swift-collections"),
        ]),
    .target(name: "API"),
    .target(
        name: "Node",
        dependencies: [
            "AMQP", "API", "Antelope", "CThread", "Configuration", "Gate", "HTTP", "Keys", "ProducerHA", "Queue",
            "Raft", "Storage", "Transactions", "Transport",
            product("DequeModule", "swift-collections"), product("Logging", "swift-log"),
            product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"), product("NIOSSL", "swift-nio-ssl"),
            product("NIOConcurrencyHelpers", "swift-nio"),
        ]),
    .target(name: "Failover"),
    .target(
        name: "Operations",
        dependencies: [
            "API", "CZlib", "Configuration", "Failover", "HTTP", product("Crypto", "swift-crypto"),
            product("NIOConcurrencyHelpers", "swift-nio"), product("NIOCore", "swift-nio"),
            product("NIOPosix", "swift-nio"), product("NIOHTTP1", "swift-nio"), product("NIOSSL", "swift-nio-ssl"),
        ]),
    .target(
        name: "Lab",
        dependencies: [
            "API", "Antelope", "HTTP", "Keys", product("Crypto", "swift-crypto"), product("NIOCore", "swift-nio"),
            product("NIOPosix", "swift-nio"), product("NIOHTTP1", "swift-nio"),
        ]),
    .systemLibrary(name: "CReadline", providers: [.apt(["libreadline-dev"])]),
    .target(name: "CLineEditor", dependencies: ["CReadline"], linkerSettings: [.linkedLibrary("readline")]),
    .target(
        name: "Console",
        dependencies: [
            "API", "CLineEditor", "Operations", product("NIOConcurrencyHelpers", "swift-nio"),
            product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"),
        ]),
    .executableTarget(
        name: "prodha",
        dependencies: [
            "Configuration", "Console", "Lab", "Node", "Operations", product("ArgumentParser", "swift-argument-parser"),
        ]),
]

let tests: [Target] = [
    .testTarget(name: "LayersTests"),
    .testTarget(name: "ConfigurationTests", dependencies: ["Configuration"]),
    .testTarget(name: "AntelopeTests", dependencies: ["Antelope"], resources: [.copy("Fixtures")]),
    .testTarget(name: "KeysTests", dependencies: ["Antelope", "Keys"]),
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
    .target(
        name: "Simulation", dependencies: ["Antelope", "Failover", "ProducerHA", "Raft", "SimulatedDisk", "Storage"],
        path: "Tests/Simulation"),
    .testTarget(name: "SimulationTests", dependencies: ["Simulation"]),
    .target(name: "Scenarios", dependencies: ["Raft"], path: "Tests/Scenarios/Player"),
    .testTarget(name: "RaftTests", dependencies: ["Raft", "Scenarios"]),
    .executableTarget(
        name: "soak",
        dependencies: ["Scenarios", "Simulation", product("ArgumentParser", "swift-argument-parser")],
        path: "Tests/Soak"),
    .target(name: "CAllocations", path: "Tests/CAllocations"),
    .testTarget(name: "ProducerHATests", dependencies: ["Antelope", "CAllocations", "ProducerHA", "Raft"]),
    .testTarget(
        name: "GateTests",
        dependencies: [
            "Antelope", "Gate", "HTTP", "Harness", "Keys", "ProducerHA", "Raft", product("Logging", "swift-log"),
            product("NIOConcurrencyHelpers", "swift-nio"), product("NIOCore", "swift-nio"),
            product("NIOHTTP1", "swift-nio"), product("NIOPosix", "swift-nio"),
        ]),
    .testTarget(name: "TransactionsTests", dependencies: ["Antelope", "CZlib", "Raft", "Transactions"]),
    .testTarget(name: "QueueTests", dependencies: ["Antelope", "Keys", "Queue", "Raft", "Transactions"]),
    .testTarget(
        name: "NodeTests",
        dependencies: [
            "API", "Antelope", "Configuration", "HTTP", "Node", "ProducerHA", "Raft", "Storage", "Transactions",
            "Transport", product("Logging", "swift-log"), product("NIOCore", "swift-nio"),
            product("NIOEmbedded", "swift-nio"),
        ]),
    .testTarget(name: "APITests", dependencies: ["API"]),
    .testTarget(name: "FailoverTests", dependencies: ["Failover"]),
    .target(name: "Harness", dependencies: ["Antelope", "Keys"], path: "Tests/Harness"),
    .testTarget(name: "HarnessTests", dependencies: ["Harness"]),
    .target(
        name: "BrokerHarness",
        dependencies: ["CRabbitMQ", "Harness", product("NIOConcurrencyHelpers", "swift-nio")],
        path: "Tests/BrokerHarness"),
    .testTarget(
        name: "AMQPTests",
        dependencies: [
            "AMQP", "BrokerHarness", "CRabbitMQ", "Harness", product("Logging", "swift-log"),
            product("NIOConcurrencyHelpers", "swift-nio"), product("NIOCore", "swift-nio"),
            product("NIOPosix", "swift-nio"),
        ]),
    // The daemon of a later version, for tests of how versions follow each other.
    .executableTarget(
        name: "prodha-next", dependencies: ["Configuration", "Node", "Storage", "Transport"], path: "Tests/NextVersion"),
    .testTarget(name: "PackagingTests", dependencies: ["Harness"]),
    .target(name: "CHeldThread", path: "Tests/CHeldThread"),
    .testTarget(
        name: "AcceptanceTests", dependencies: ["Antelope", "CHeldThread", "Harness"], path: "Tests/Acceptance"),
    .testTarget(
        name: "NodeosTests",
        dependencies: ["Antelope", "BrokerHarness", "Harness", "Keys", product("Crypto", "swift-crypto")],
        path: "Tests/Nodeos", exclude: ["README.md", "config.ini", "genesis.json", "get-nodeos"]),
    .target(name: "CSimulatedDisk", dependencies: ["CSQLite"], path: "Tests/CSimulatedDisk"),
    .target(name: "SimulatedDisk", dependencies: ["CSimulatedDisk", "CSQLite"], path: "Tests/SimulatedDisk"),
    .testTarget(
        name: "StorageTests",
        dependencies: [
            "Antelope", "CSQLite", "ProducerHA", "Raft", "SimulatedDisk", "Storage",
            product("NIOConcurrencyHelpers", "swift-nio"),
        ]),
    .testTarget(
        name: "LabTests",
        dependencies: [
            "API", "Antelope", "HTTP", "Harness", "Keys", "Lab", product("Logging", "swift-log"),
            product("NIOConcurrencyHelpers", "swift-nio"), product("NIOCore", "swift-nio"),
            product("NIOHTTP1", "swift-nio"), product("NIOPosix", "swift-nio"),
        ]),
    .target(name: "Said", dependencies: ["API", "Configuration", "Operations"], path: "Tests/Said"),
    .testTarget(
        name: "ConsoleTests", dependencies: ["API", "Configuration", "Console", "Operations", "Said"]),
    .testTarget(
        name: "OperationsTests",
        dependencies: [
            "API", "Configuration", "Failover", "HTTP", "Operations", "Said", product("Logging", "swift-log"),
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
