// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import Foundation
import Operations
import Testing

@testable import Console

private func folder() throws -> String {
    let path = FileManager.default.temporaryDirectory.appending(path: "prodha-console-\(UUID())").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
}

@Suite struct LineFileTests {
    @Test func linesOutliveASessionEachOnceInItsLatestPlace() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var file = LineFile(folder: folder)
        for line in ["status", "peers", "status", "log -n 5"] {
            file.add(line)
            try LineFile.add(line, to: folder + "/lines")
        }
        #expect(file.lines == ["peers", "status", "log -n 5"])
        #expect(LineFile(folder: folder).lines == ["peers", "status", "log -n 5"])
        let mode = try FileManager.default.attributesOfItem(atPath: folder + "/lines")[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try String(contentsOfFile: folder + "/lines", encoding: .utf8) == "peers\nstatus\nlog -n 5\n")
    }

    @Test func twoSessionsKeepEachOthersLines() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for line in ["status", "peers", "log"] { try LineFile.add(line, to: folder + "/lines") }
        #expect(Set(LineFile(folder: folder).lines) == ["status", "peers", "log"])
    }

    @Test func itIsBounded() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let text = (0..<(LineFile.most + 500)).map { "log --from \($0)\n" }.joined()
        try text.write(toFile: folder + "/lines", atomically: true, encoding: .utf8)
        var file = LineFile(folder: folder)
        #expect(file.lines.count == LineFile.most)
        #expect(file.lines.last == "log --from \(LineFile.most + 499)")
        file.add("status")
        try LineFile.add("status", to: folder + "/lines")
        let kept = try String(contentsOfFile: folder + "/lines", encoding: .utf8).split(separator: "\n")
        #expect(kept.count == LineFile.most && kept.last == "status" && file.lines == kept.map(String.init))
    }

    @Test func aFolderThatCannotBeWrittenIsSaidAndStopsNothing() {
        var file = LineFile(folder: "/proc/nowhere")
        file.add("status")
        #expect(file.lines == ["status"])
        #expect(throws: LineFile.Failure.self) { try LineFile.add("status", to: "/proc/nowhere/lines") }
        #expect(LineFile(folder: nil).trouble != nil)
    }

    @Test func aFileThatIsNotOursStaysAsItIs() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder + "/lines", withIntermediateDirectories: false)
        #expect(LineFile(folder: folder).trouble?.contains("no file of lines") == true)
        #expect(throws: LineFile.Failure.self) { try LineFile.add("status", to: folder + "/lines") }
    }

    @Test func aLockThatIsHeldIsNotPassedBy() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try LineFile.add("status", to: folder + "/lines")
        let lock = open(folder + "/lines.lock", O_WRONLY)
        defer { close(lock) }
        try #require(flock(lock, LOCK_EX) == 0)
        #expect(throws: LineFile.Failure.self) { try LineFile.add("peers", to: folder + "/lines") }
        #expect(LineFile(folder: folder).lines == ["status"])
    }

    @Test func whatIsPrivateIsNotKept() {
        #expect(LineFile.isKept("status", isCommand: true, secrets: ["s3cret-token"]))
        #expect(!LineFile.isKept("status " + String(repeating: "x", count: 5000), isCommand: true, secrets: []))
        #expect(!LineFile.isKept(" status", isCommand: true, secrets: []))
        #expect(!LineFile.isKept("hunter2", isCommand: false, secrets: []))
        #expect(!LineFile.isKept("pause --reason s3cret-token", isCommand: true, secrets: ["s3cret-token"]))
    }
}

@Suite struct TranscriptTests {
    @Test func linesHaveTheirTimesAndNoSequencesAndNoSecrets() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let transcript = try Transcript(folder + "/t", secrets: ["s3cret-token"]) { _ in }
        transcript.note(.typed, "status\n")
        transcript.note(.said, "\u{1b}[1;32mwell\u{1b}[0m, as ")
        transcript.note(.happened, "-- peer 1 has gone\n")
        transcript.note(.said, "s3cret-token says\nnext\n")
        let lines = try String(contentsOfFile: folder + "/t", encoding: .utf8).split(separator: "\n")
        #expect(
            lines.map { String($0.dropFirst(25)) } == [
                "> status", "- -- peer 1 has gone", "  well, as (secret) says", "  next",
            ])
        #expect(lines.allSatisfy { $0.prefix(25).wholeMatch(of: #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /#) != nil })
        let mode = try FileManager.default.attributesOfItem(atPath: folder + "/t")[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func aFullDiskIsSaidOnceAndStopsNothing() throws {
        let said = Counter()
        let transcript = try Transcript("/dev/full", secrets: []) { _ in said.count() }
        for _ in 0..<3 { transcript.note(.said, "x\n") }
        #expect(said.value == 1)
    }
}

private final class Counter: @unchecked Sendable {
    private(set) var value = 0
    func count() { value += 1 }
}

@Suite struct LineReaderTests {
    private func lines(_ bytes: [UInt8], most: Int = 64) throws -> [String] {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(bytes).write(to: URL(filePath: folder + "/in"))
        let descriptor = open(folder + "/in", O_RDONLY)
        defer { close(descriptor) }
        var reader = LineReader(descriptor, most: most)
        var found: [String] = []
        while let line = reader.next() {
            switch line {
            case .success(let text): found.append(text)
            case .failure(let mistake): found.append("! " + mistake.message)
            }
        }
        return found
    }

    @Test func theLastLineNeedsNoNewline() throws {
        #expect(try lines(Array("a\n\nb".utf8)) == ["a", "", "b"])
        #expect(try lines(Array("a\n".utf8)) == ["a"])
        #expect(try lines([]) == [])
    }

    @Test func nothingOfALineThatIsTooLongIsCarriedOut() throws {
        let long = String(repeating: "x", count: 200_000)
        let found = try lines(Array("a\n\(long)\nb\n".utf8))
        #expect(found == ["a", "! line 2 is longer than 64 bytes; nothing of it was carried out", "b"])
        #expect(try lines(Array(String(repeating: "x", count: 65).utf8)).first?.hasPrefix("! ") == true)
        #expect(try lines(Array(String(repeating: "x", count: 64).utf8)).first?.hasPrefix("x") == true)
    }

    @Test func bytesThatAreNoTextAreRefusedAsALine() throws {
        #expect(
            try lines([0x61, 0x0a, 0xff, 0xfe, 0x0a, 0x62, 0x0a]) == [
                "a", "! line 2 is not text (UTF-8); nothing of it was carried out", "b",
            ])
        #expect(try lines([0x61, 0x00, 0x0a]).first?.hasPrefix("! line 1 is not text") == true)
    }
}
