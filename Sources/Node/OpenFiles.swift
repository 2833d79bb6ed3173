// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Glibc

/// How many files and sockets the process may have open.
enum OpenFiles {
    /// Up to what the system lets it.
    static func raise() {
        guard var limit = current else { return }
        limit.rlim_cur = limit.rlim_max
        // Where even that is refused the old limit stands, and `limit` says so.
        _ = setrlimit(files, &limit)
    }

    /// `most`, or less where that and `others` are more than may be open. At least 64.
    static func limit(below most: Int, others: Int) -> Int {
        guard let current else { return most }
        return max(64, min(most, Int(clamping: current.rlim_cur) - others))
    }

    private static let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

    private static var current: rlimit? {
        var limit = rlimit()
        return getrlimit(files, &limit) == 0 ? limit : nil
    }
}
