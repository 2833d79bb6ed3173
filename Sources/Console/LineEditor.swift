// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import CLineEditor
import Glibc

/// GNU readline, for one session per process. Everything is for the thread that reads the keys.
final class LineEditor {
    enum Entered: Equatable {
        case line(String, wasPasted: Bool)
        /// ^D on an empty line.
        case end
    }

    /// C has no room for anything but functions, so there is one, and what it serves stands here.
    nonisolated(unsafe) private static var current: LineEditor?

    private let complete: (String) -> Completer.Offer
    private let help: (String) -> String?
    private var entered: Entered?
    /// A prompt is shown, and keys are taken.
    private(set) var isEditing = false

    /// - Parameters:
    ///   - complete: what may stand at the end of this part of a line.
    ///   - help: what `?` shows behind it; nil: the key stands for itself.
    init(
        lines: [String], complete: @escaping (String) -> Completer.Offer, help: @escaping (String) -> String?
    ) {
        self.complete = complete
        self.help = help
        Self.current = self
        le_begin("prodha", Self.handlers, Int32(LineFile.most))
        for line in lines { le_remember(line) }
    }

    func prompt(_ text: String, isQuestion: Bool = false) {
        isEditing = true
        le_prompt(text, isQuestion)
    }

    /// Gives the terminal back, for whatever else writes to it.
    func rest() {
        isEditing = false
        le_rest()
    }

    /// Takes a key. A line, when that key has entered one.
    func read() -> Entered? {
        entered = nil
        le_read()
        if entered != nil { isEditing = false }
        return entered
    }

    /// False: not now.
    func change(prompt: String) -> Bool { le_change_prompt(prompt) }

    func printAbove(_ text: String) { le_print_above(text) }

    /// Drops what is being typed.
    func drop() {
        isEditing = false
        le_drop_line()
    }

    func resize() { le_resize() }

    /// Stops the process as ^Z does, and goes on when it is continued.
    func suspend() { le_suspend() }

    func remember(_ line: String) { le_remember(line) }

    // MARK: - What readline calls

    private static let handlers = le_handlers(
        line: { text, wasPasted in
            LineEditor.current?.entered =
                text.map { .line(String(cString: $0), wasPasted: wasPasted) } ?? .end
        },
        complete: { line, start, end, isFile in
            guard let line, let editor = LineEditor.current else { return nil }
            let bytes = UnsafeRawBufferPointer(start: line, count: Int(end))
            let offer = editor.complete(String(decoding: bytes, as: UTF8.self))
            isFile?.pointee = offer.takesFile && offer.candidates.isEmpty
            let words = offer.candidates.map(\.word)
            return words.isEmpty ? nil : strdup(words.joined(separator: "\n"))
        },
        help: { line, point in
            guard let line, let editor = LineEditor.current else { return nil }
            let bytes = UnsafeRawBufferPointer(start: line, count: Int(point))
            return editor.help(String(decoding: bytes, as: UTF8.self)).map { strdup($0) } ?? nil
        })
}
