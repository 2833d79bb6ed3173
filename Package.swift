// swift-tools-version: 6.1
// prodha: high availability for block producers of EOSIO-style chains.
// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import PackageDescription

// The layers, bottom to top. A target may depend on what stands above it in this list and on nothing else;
// Tests/LayersTests holds the manifest and every import to that.
let package = Package(
    name: "prodha",
    products: [
        .executable(name: "prodha", targets: ["prodha"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .target(name: "Configuration", dependencies: [.product(name: "Yams", package: "Yams")]),
        .target(name: "Raft", dependencies: [.product(name: "DequeModule", package: "swift-collections")]),
        .target(name: "Antelope", dependencies: [.product(name: "Crypto", package: "swift-crypto")]),
        .target(name: "ProducerHA", dependencies: ["Antelope", "Raft"]),
        .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
        .target(
            name: "Storage",
            dependencies: [
                "CSQLite", "ProducerHA", "Raft", .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ]),
        .executableTarget(
            name: "prodha",
            dependencies: [
                "Raft",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Collections", package: "swift-collections"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Yams", package: "Yams"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)
