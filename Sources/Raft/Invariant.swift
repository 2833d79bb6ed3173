// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

/// What must be so, whatever arrives. A state in which it is not so is one that nobody thought of: the process stops with
/// its facts, before it does anything that others would have to pay for. Unlike `precondition`, this prints them in
/// release builds too.
@inline(__always)
public func invariant(
    _ holds: @autoclosure () -> Bool, _ facts: @autoclosure () -> String, file: StaticString = #fileID,
    line: UInt = #line
) {
    if !holds() { impossible(facts(), file: file, line: line) }
}

/// Stops the process: this place cannot be reached.
public func impossible(_ facts: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
    fatalError(facts, file: file, line: line)
}
