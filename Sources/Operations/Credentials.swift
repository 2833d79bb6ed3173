// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import HTTP

/// What a tool shows to the peers' APIs, and whom it trusts.
public struct Credentials: Sendable {
    var token: String?
    var security: ClientSecurity?

    /// Shows nothing; https APIs are reported as not asked.
    public static let none = Credentials()
}
