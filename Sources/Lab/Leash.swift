// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc

/// Ties a process's life to the demonstration's: the kernel kills it when the thread that started it is gone, also when
/// that came by `kill -9`.
///
/// Only the process itself can ask for that, so the demonstration starts itself as `demo --peer-of PID -- PROGRAM ...`,
/// which asks and then becomes `PROGRAM ...`. The wish outlasts `execv`.
public enum Leash {
    /// What the demonstration starts itself with to have `command`, a program and its arguments, on its leash.
    static func arguments(_ program: String, _ command: [String]) -> [String] {
        [program, "demo", "--peer-of", "\(getpid())", "--"] + command
    }

    /// This program's file; the kernel's own name for it when the file has been replaced or removed since.
    static var program: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let length = readlink("/proc/self/exe", &buffer, Int(PATH_MAX))
        guard length > 0 else { return "/proc/self/exe" }
        let path = String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return access(path, X_OK) == 0 ? path : "/proc/self/exe"
    }

    /// Becomes a program, the first word of `command`, on the leash of the process that started it. Returns an exit code
    /// only when that fails.
    public static func become(_ command: [String], of demonstration: Int32) -> Int32 {
        askForDeathWithParent()
        // It may have died before it was asked for.
        guard getppid() == demonstration, let program = command.first else { return 1 }
        var words = command.map { strdup($0) }
        words.append(nil)
        execv(program, words)
        let text = "cannot start \(program): \(String(cString: strerror(errno)))\n"
        _ = write(STDERR_FILENO, text, text.utf8.count)
        return 1
    }

    /// `prctl(PR_SET_PDEATHSIG, SIGKILL)`. Swift does not import functions with open argument lists, hence the lookup;
    /// where there is none, a peer outlives a demonstration that was killed, and nothing else changes.
    private static func askForDeathWithParent() {
        typealias ProcessControl = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32
        let setParentDeathSignal: Int32 = 1
        guard let address = dlsym(nil, "prctl") else { return }
        let prctl = unsafeBitCast(address, to: ProcessControl.self)
        _ = prctl(setParentDeathSignal, UInt(SIGKILL), 0, 0, 0)
    }
}
