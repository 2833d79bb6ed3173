// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc
import NIOCore
import NIOPosix

/// The whole demonstration, from the first peer's start to the last one's end.
public enum Demo {
    /// Returns the exit code: 0 when every promise held, 1 when not or when it could not be shown.
    public static func run(_ options: DemoOptions, environment: [String: String]) -> Int32 {
        // Before the first thread is made, so that all of them have it from here.
        let signals = blockSignals()
        let place: Workplace
        do {
            let nodeos = try options.nodeos.map { try NodeosPlace.find($0, environment: environment) }
            place = try Workplace.prepare(directory: options.directory, nodeos: nodeos, environment: environment)
        } catch {
            complain("\(error)")
            return 1
        }
        // One thread that lasts until the process ends: processes are started from it, and die with it.
        let eventLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let stage = DemoStage(options: options, place: place, environment: environment, eventLoop: eventLoop)
        waitForSignals(signals) { signal in Task { await stage.interrupt(signal: signal) } }
        let exitCode = eventLoop.makePromise(of: Int32.self)
        Task { exitCode.succeed(await stage.run()) }
        return (try? exitCode.futureResult.wait()) ?? 1
    }

    private static func blockSignals() -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        // Whoever started this may ignore it, and then no child could be waited for.
        signal(SIGCHLD, SIG_DFL)
        return signals
    }

    private static func waitForSignals(_ signals: sigset_t, _ handle: @escaping @Sendable (Int32) -> Void) {
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        thread.submit { _ in
            var signals = signals
            while true {
                var signal: Int32 = 0
                if sigwait(&signals, &signal) == 0 { handle(signal) }
            }
        }
    }

    static func complain(_ text: String) {
        let bytes = Array("prodha demo: \(text)\n".utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}
