// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc

/// A directory for one run alone.
enum TemporaryDirectory {
    /// Where it is made, unless somebody says: $TMPDIR, else /tmp.
    static func usualPlace(_ environment: [String: String]) -> String {
        environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    }

    /// Makes `prodha-NAME-` and six characters that nobody else has. nil when that fails; `errno` says why.
    static func make(_ name: String, in place: String) -> String? {
        var template = Array("\(place)/prodha-\(name)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { return nil }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
