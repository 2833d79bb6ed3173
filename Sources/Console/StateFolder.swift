// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc

/// Where sessions leave what outlives them: `$XDG_STATE_HOME/prodha`, else `~/.local/state/prodha`.
enum StateFolder {
    /// Made if it is missing, for its owner alone. Nil: it cannot be made, or nobody says where home is.
    static func path(_ environment: [String: String], inner: String? = nil) -> String? {
        let given = environment["XDG_STATE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        let home = environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 + "/.local/state" : nil }
        guard let base = given ?? home else { return nil }
        let folder = base + "/prodha" + (inner.map { "/" + $0 } ?? "")
        var path = ""
        for part in folder.split(separator: "/") {
            path += "/" + part
            if mkdir(path, 0o700) != 0, errno != EEXIST { return nil }
        }
        return path
    }
}
