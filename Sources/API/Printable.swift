// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// Text from elsewhere, safe for a terminal and a log: no control characters, and of bounded length.
public func printable(_ text: String, limit: Int = 200) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars.prefix(limit) { result.append(scalar.isControl ? "?" : scalar) }
    let cut = text.unicodeScalars.count > limit
    return String(result) + (cut ? "..." : "")
}

extension Unicode.Scalar {
    /// What a terminal or a log would act on.
    fileprivate var isControl: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
        default: false
        }
    }
}
