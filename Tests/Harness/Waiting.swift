// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

/// Every bound on waiting, in one place. They are generous: no test is about how fast something is.
enum Bound {
    /// An election, a catch-up, an end of a process, on a machine that is busy with other things.
    static let outcome = Duration.seconds(30)
    /// One HTTP call.
    static let call = Duration.seconds(15)
    /// How long a state must last for a test to believe that it will: several election timeouts.
    static let calm = Duration.seconds(3)
    /// Between two looks at a condition.
    static let poll = Duration.milliseconds(10)
}

/// What did not come about in time, and the last reason why not.
struct TimedOut: Error, CustomStringConvertible {
    let description: String
}

/// Waits until `condition` holds. An error that it throws counts as "not yet", and is told if
/// the time runs out; a violation ends the wait.
func eventually(
    _ promise: String, within bound: Duration = Bound.outcome, _ condition: () async throws -> Bool
) async throws {
    try await value(promise, within: bound) { try await condition() ? true : nil }
}

/// Waits until `condition` gives a value.
@discardableResult
func value<Value>(
    _ promise: String, within bound: Duration = Bound.outcome, _ condition: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + bound
    var last = "the condition did not hold"
    repeat {
        do {
            if let value = try await condition() { return value }
        } catch let violation as Violation {
            throw violation
        } catch {
            last = "\(error)"
        }
        try await Task.sleep(for: Bound.poll)
    } while ContinuousClock.now < deadline
    throw TimedOut(description: "\(promise): not within \(bound); last seen: \(last)")
}

/// Looks again and again for as long as `time` whether `condition` still holds.
func always(
    _ promise: String, for time: Duration = Bound.calm, _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + time
    repeat {
        guard try await condition() else { throw TimedOut(description: "\(promise): it did not last") }
        try await Task.sleep(for: Bound.poll)
    } while ContinuousClock.now < end
}

/// How often the tests that kill things do so: `PRODHA_ROUNDS`, 2 unless told.
let rounds = ProcessInfo.processInfo.environment["PRODHA_ROUNDS"].flatMap(Int.init) ?? 2

/// Runs what blocks on a thread of its own, away from the threads that all tests share.
func offload<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
