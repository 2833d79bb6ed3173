// swift-tools-version: 6.1
import PackageDescription

// Which store keeps the log best: SQLite's C API, GRDB, LMDB, beside the floor of a bare file. See README.md.
let package = Package(
    name: "store-bench",
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CLMDB", providers: [.apt(["liblmdb-dev"])]),
        .target(name: "Store"),
        .target(name: "FloorStore", dependencies: ["Store"]),
        .target(name: "SQLiteStore", dependencies: ["Store", "CSQLite"]),
        .target(name: "LMDBStore", dependencies: ["Store", "CLMDB"]),
        .target(name: "GRDBStore", dependencies: ["Store", .product(name: "GRDB", package: "GRDB.swift")]),
        .executableTarget(
            name: "store-bench",
            dependencies: ["Store", "FloorStore", "SQLiteStore", "GRDBStore", "LMDBStore"]
        ),
        // One small program for each: size, start time, and opening a store with nothing else in the process.
        .executableTarget(name: "with-nothing", dependencies: ["Store"]),
        .executableTarget(name: "with-essentials", dependencies: ["Store"]),
        .executableTarget(name: "with-foundation", dependencies: ["Store"]),
        .executableTarget(name: "with-sqlite", dependencies: ["Store", "SQLiteStore"]),
        .executableTarget(name: "with-lmdb", dependencies: ["Store", "LMDBStore"]),
        .executableTarget(name: "with-grdb", dependencies: ["Store", "GRDBStore"]),
        .executableTarget(name: "with-yams", dependencies: ["Store", .product(name: "Yams", package: "Yams")]),
    ],
    swiftLanguageModes: [.v6]
)
