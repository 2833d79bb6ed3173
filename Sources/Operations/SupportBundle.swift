// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import API
import Crypto
import FoundationEssentials

/// What a support case needs to know of a cluster, as the files of one archive: what was asked for, what there is of it, and
/// what is missing. A pure value; nothing in it is secret.
public struct SupportBundle: Sendable {
    /// Something that was asked for.
    public struct Item: Hashable, Sendable {
        /// Its path within the archive's folder.
        public var name: String
        public var what: String
        /// Nil: it is left out.
        public var bytes: [UInt8]?
        /// What is missing of it, and why. Nil: nothing.
        public var missing: String?

        public init(_ name: String, _ what: String, bytes: [UInt8]?, missing: String? = nil) {
            self.name = name
            self.what = what
            self.bytes = bytes
            self.missing = missing
        }

        var sha256: String? { bytes.map { Hex.encode(Array(SHA256.hash(data: $0))) } }
    }

    /// How much may be in it, in bytes.
    public struct Limits: Hashable, Sendable {
        /// Of one file.
        public var part: Int
        /// Of all files, before they are packed.
        public var all: Int

        public static let usual = Limits(part: 8 << 20, all: 64 << 20)

        public init(part: Int, all: Int) {
            self.part = part
            self.all = all
        }
    }

    public static let manifestName = "MANIFEST"

    /// The folder in the archive that holds everything.
    public let folder: String
    public let made: UTCInstant
    public let toolVersion: String
    /// In the order in which they were added.
    public private(set) var items: [Item] = []
    private let scrubber: Scrubber
    private let limits: Limits
    private var bytes = 0

    public init(
        region: String?, made: UTCInstant, toolVersion: String, scrubber: Scrubber = Scrubber(),
        limits: Limits = .usual
    ) {
        // 2026-11-29T10:58:27.123Z
        let time = made.description.prefix(19).filter { $0 != "-" && $0 != ":" }
        // Tar has room for so much of a path.
        folder = "prodha-bundle-\(Self.fileName(region ?? "group").prefix(32))-\(time)Z"
        self.made = made
        self.toolVersion = toolVersion
        self.scrubber = scrubber
        self.limits = limits
    }

    /// A region's name comes from outside: no slash, no dot at its beginning, no more than a name in a file may have.
    static func fileName(_ text: String) -> String {
        let name = text.unicodeScalars.prefix(63).map { scalar -> Character in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".": Character(scalar)
            default: "_"
            }
        }
        return name.first.map { ["-", "."].contains($0) } ?? true ? "_" + name.dropFirst() : String(name)
    }

    // MARK: - Filling. There is no way in past the scrubber.

    /// Adds a file of text.
    mutating func add(_ name: String, _ what: String, text: String) {
        let lines = scrubber.scrubbed(text).split(separator: "\n", omittingEmptySubsequences: false)
        add(
            Item(
                name, what, bytes: Array(lines.map { printable(String($0), limit: .max) }.joined(separator: "\n").utf8))
        )
    }

    /// Adds a file with one document.
    mutating func add(_ name: String, _ what: String, document: Tree) {
        add(Item(name, what, bytes: Array((document.scrubbed(scrubber).json() + "\n").utf8)))
    }

    /// Adds a file with one document on each line.
    /// - Parameter missing: why these are not all.
    mutating func add(_ name: String, _ what: String, documents: [some Encodable], missing: String? = nil) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let lines = documents.map { document -> String in
            // Most hold no secret, which is seen much faster than it is taken out.
            if let bytes = try? encoder.encode(document), !bytes.contains(UInt8(ascii: "\\")) {
                let text = String(decoding: bytes, as: UTF8.self)
                if scrubber.scrubbed(text) == text { return text }
            }
            return Tree(encoding: document).scrubbed(scrubber).json(.oneLine)
        }
        add(name, what, clean: lines, missing: missing)
    }

    /// Adds lines of a log.
    mutating func add(_ name: String, _ what: String, lines: [String]) {
        // Together: a key may go over several lines.
        let lines = scrubber.scrubbed(lines.joined(separator: "\n")).split(separator: "\n")
        add(name, what, clean: lines.map { printable(String($0), limit: .max) }, missing: nil)
    }

    /// Adds the newest of these lines that there is room for, oldest first.
    private mutating func add(_ name: String, _ what: String, clean lines: [String], missing: String?) {
        let room = min(limits.part, limits.all - bytes)
        var size = 0
        let kept = lines.reversed().prefix { line in
            size += line.utf8.count + 1
            return size <= room
        }.count
        let cut = kept < lines.count ? "\(lines.count - kept) older lines are cut off" : nil
        let missing = [missing, cut].compactMap { $0 }
        add(
            Item(
                name, what, bytes: Array(lines.suffix(kept).map { $0 + "\n" }.joined().utf8),
                missing: missing.isEmpty ? nil : missing.joined(separator: "; ")))
    }

    mutating func leaveOut(_ name: String, _ what: String, because why: String) {
        add(Item(name, what, bytes: nil, missing: why))
    }

    private mutating func add(_ item: Item) {
        var item = item
        item.missing = item.missing.map { scrubber.scrubbed($0) }
        // Two regions may look alike once their names are those of files.
        let taken = Set(items.map(\.name))
        var number = 2
        while taken.contains(item.name) || item.name == Self.manifestName {
            item.name = "\(item.name).\(number)"
            number += 1
        }
        if let size = item.bytes?.count {
            let isTooLarge = size > limits.part
            if isTooLarge || bytes + size > limits.all {
                item.bytes = nil
                item.missing =
                    isTooLarge
                    ? "it has \(size) bytes, \(limits.part) are taken"
                    : "the bundle has its \(limits.all) bytes already"
            } else {
                bytes += size
            }
        }
        items.append(item)
    }

    // MARK: - What is in it

    public var files: [Item] { items.filter { $0.bytes != nil } }
    public var gaps: [Item] { items.filter { $0.missing != nil } }

    /// 0 all that was asked for is in it, 2 something is missing.
    public var exitCode: Int32 { gaps.isEmpty ? 0 : 2 }

    /// The list of all files but itself, in a form that `sha256sum --check` reads.
    public var manifest: String {
        var lines = [
            "# prodha bundle, made \(made) by prodha \(toolVersion)",
            "# to check it: sha256sum --check \(Self.manifestName)",
        ]
        for item in files {
            let note = item.missing.map { "; " + printable($0, limit: 400) } ?? ""
            lines.append("# \(printable(item.what)), \(item.bytes?.count ?? 0) bytes\(note)")
            lines.append("\(item.sha256 ?? "")  \(item.name)")
        }
        let left = gaps.filter { $0.bytes == nil }
        lines.append(left.isEmpty ? "# nothing was left out" : "# left out:")
        lines += left.map { "# \($0.name): \(printable($0.what)): \(printable($0.missing ?? "", limit: 400))" }
        return lines.map { $0 + "\n" }.joined()
    }

    // MARK: - The archive

    /// Writes the archive; the list of what is in it comes first.
    public func write(to path: String) throws(NewFile.Failure) {
        let list = Item(Self.manifestName, "", bytes: Array(manifest.utf8))
        let modified = made.unixMilliseconds / 1000
        let pieces = ([list] + files).lazy.flatMap { item -> [[UInt8]] in
            let bytes = item.bytes ?? []
            guard
                let header = Tar.header(name: "\(folder)/\(item.name)", size: bytes.count, modified: modified)
            else { preconditionFailure("tar has no room for the name \(item.name)") }
            return [header, bytes, Tar.padding(size: bytes.count)]
        }
        try NewFile.write(path) { write throws(NewFile.Failure) in
            try Gzip.compress(Array(pieces) + [Tar.end], write: write)
        }
    }
}

extension Tree {
    /// Without secrets in its texts, and without the texts that stand under a word like `password`.
    fileprivate func scrubbed(_ scrubber: Scrubber) -> Tree {
        switch self {
        case .null, .bool, .integer, .number: return self
        case .string(let text): return .string(scrubber.scrubbed(text))
        case .list(let items): return .list(items.map { $0.scrubbed(scrubber) })
        case .map(let fields):
            return .map(
                fields.map { field in
                    if case .string = field.value, Scrubber.isSecret(field.key) {
                        return Field(field.key, .string(Scrubber.mark))
                    }
                    return Field(scrubber.scrubbed(field.key), field.value.scrubbed(scrubber))
                })
        }
    }
}

/// What is in a bundle, in one of the formats.
public struct BundleReport: Sendable {
    public var format: OutputFormat
    public var style: Style
    public var width: Int

    public init(format: OutputFormat, style: Style = .plain, width: Int) {
        self.format = format
        self.style = style
        self.width = width
    }

    /// - Parameter path: where the archive is.
    public func text(_ bundle: SupportBundle, path: String) -> String {
        switch format {
        case .table: table(bundle, path)
        case .json: document(bundle, path).json() + "\n"
        case .yaml: document(bundle, path).yaml()
        case .tsv:
            ([["name", "size", "sha256", "what", "missing"]] + bundle.items.map(\.fields)).map(tsvRow).joined()
        }
    }

    private func table(_ bundle: SupportBundle, _ path: String) -> String {
        let listing = Listing(
            titles: ["size", "file", "what"], numbers: [0],
            rows: bundle.files.map { [String($0.bytes?.count ?? 0), $0.name, printable($0.what)] }, width: width)
        var lines = listing.lines(style)
        for gap in bundle.gaps {
            lines += wrapped("! \(gap.name): \(printable(gap.missing ?? "", limit: 400))", width: width, indent: 2)
                .map(style.yellow)
        }
        // On one line however long it is, to be copied.
        lines.append(style.bold("\(printable(path, limit: 4096)): \(counted(bundle.files.count, "file"))"))
        return lines.map { $0 + "\n" }.joined()
    }

    private func document(_ bundle: SupportBundle, _ path: String) -> Tree {
        .map([
            .init("schema_version", .integer(1)), .init("file", .string(path)), .init("folder", .string(bundle.folder)),
            .init("made", .string(bundle.made.description)), .init("complete", .bool(bundle.gaps.isEmpty)),
            .init(
                "items",
                .list(
                    bundle.items.map {
                        .map([
                            .init("name", .string($0.name)), .init("what", .string($0.what)),
                            .init("size", Tree($0.bytes?.count)), .init("sha256", Tree($0.sha256)),
                            .init("missing", Tree($0.missing)),
                        ])
                    })),
        ])
    }
}

extension SupportBundle.Item {
    fileprivate var fields: [String] {
        [name, bytes.map { String($0.count) } ?? "", sha256 ?? "", what, missing ?? ""]
    }
}
