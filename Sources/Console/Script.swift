// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Glibc
import Operations

/// A session without anybody before it: commands from standard input or the command line.
public enum Script {
    /// A longer line is refused whole.
    static let maxLineBytes = 65_536

    /// Carries out what the lines say and returns the exit code: that of the first that failed.
    /// - Parameters:
    ///   - commands: nil: those of standard input.
    ///   - keepsGoing: whether what follows a failure is carried out, too.
    public static func carryOut(
        _ commands: [String]?, keepsGoing: Bool, _ options: SessionOptions, _ table: any CommandTable
    ) -> Int32 {
        let transcript: Transcript?
        do throws(Transcript.Failure) {
            transcript = try options.transcript.map { path throws(Transcript.Failure) in
                try Transcript(path, secrets: options.secrets) { text in
                    try? StandardOutput.write("prodha: \(text)\n", to: STDERR_FILENO)
                }
            }
        } catch {
            try? StandardOutput.write("prodha: \(error)\n", to: STDERR_FILENO)
            return 74
        }
        signal(SIGPIPE, SIG_IGN)
        let session = Session(options, table, isAttended: false, transcript: transcript)
        let gate = Gate(transcript: transcript)
        var first: Int32 = 0
        /// False: that was the last.
        func take(_ line: Result<String, LineReader.Mistake>) -> Bool {
            let code: Int32
            switch line {
            case .success(let line):
                transcript?.note(.typed, line + "\n")
                code = session.carryOut(line, gate, ask: nil)
            case .failure(let mistake):
                code = Invocation.$current.withValue(session.invocation(gate)) { session.mistake(mistake.message) }
            }
            if first == 0 { first = code }
            // ^C in a switch that this process carried out is meant for all that follows, too.
            return (code == 0 || keepsGoing) && Interruptions.count == 0 && !session.state.withLockedValue { $0.isOver }
        }
        if let failure = session.begin(with: options.peer) { return session.refuse(failure, gate) }
        if let commands {
            for command in commands where !take(LineReader.checked(command, most: maxLineBytes)) { break }
            return first
        }
        var reader = LineReader(STDIN_FILENO, most: maxLineBytes)
        while let line = reader.next() { if !take(line) { break } }
        return first
    }
}

/// Lines of a descriptor, each of bounded length.
struct LineReader {
    struct Mistake: Error, Equatable { var message: String }

    private let descriptor: Int32
    private let most: Int
    private var buffer: [UInt8] = []
    private var start = 0
    private var isOver = false
    private var number = 0

    init(_ descriptor: Int32, most: Int) {
        self.descriptor = descriptor
        self.most = most
    }

    static func checked(_ command: String, most: Int) -> Result<String, Mistake> {
        command.utf8.count <= most
            ? .success(command)
            : .failure(Mistake(message: "a command is longer than \(most) bytes; nothing of it was carried out"))
    }

    /// Nil: there are no more. The last one needs no newline.
    mutating func next() -> Result<String, Mistake>? {
        var isTooLong = false
        while true {
            if let end = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = buffer[start..<end]
                start = end + 1
                return take(line, isTooLong)
            }
            if buffer.count - start > most {
                isTooLong = true
                start = buffer.count
            }
            if isOver {
                guard isTooLong || start < buffer.count else { return nil }
                defer { start = buffer.count }
                return take(buffer[start...], isTooLong)
            }
            fill()
        }
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>, _ isTooLong: Bool) -> Result<String, Mistake> {
        number += 1
        if isTooLong || bytes.count > most {
            return .failure(
                Mistake(message: "line \(number) is longer than \(most) bytes; nothing of it was carried out"))
        }
        guard let text = String(validating: bytes, as: UTF8.self), !text.contains("\0") else {
            return .failure(Mistake(message: "line \(number) is not text (UTF-8); nothing of it was carried out"))
        }
        return .success(text)
    }

    private mutating func fill() {
        buffer.removeFirst(start)
        start = 0
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = read(descriptor, &bytes, bytes.count)
        if count > 0 {
            buffer += bytes[..<count]
        } else if count == 0 || errno != EINTR {
            isOver = true
        }
    }
}
