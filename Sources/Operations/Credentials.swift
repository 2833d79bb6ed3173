// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import HTTP

/// What a tool shows to the peers' APIs, and whom it trusts.
public struct Credentials: Sendable {
    var token: String?
    /// What must be in no file and on no screen.
    public var secrets: [String] { [token].compactMap { $0 } }
    var security: ClientSecurity?

    /// Shows nothing; https APIs are reported as not asked.
    public static let none = Credentials()
}
