// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc

/// A thread of its own for something that waits.
enum Worker {
    private final class Task {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    static func start(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let task = Unmanaged.passRetained(Task(body)).toOpaque()
        let number = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Task>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, task)
        precondition(number == 0, "a thread is to be had")
        pthread_detach(thread)
    }
}
