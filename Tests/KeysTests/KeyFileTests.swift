// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Keys

@Suite struct KeyFileTests {
    /// Reads a file of these contents and this mode.
    private func read(_ contents: String, mode: Int = 0o600) throws -> PrivateKey {
        let path = NSTemporaryDirectory() + "prodha-key-\(UUID().uuidString)"
        #expect(FileManager.default.createFile(atPath: path, contents: Data(contents.utf8)))
        defer { try? FileManager.default.removeItem(atPath: path) }
        // Not by attributes of createFile, which the process's mask would change.
        #expect(chmod(path, mode_t(mode)) == 0)
        do {
            return try KeyFile.read(path)
        } catch {
            let text = "\(error)"
            #expect(text.contains(path))
            #expect(!Vectors.isSecret(text))
            throw (error as KeyFileError).problem
        }
    }

    @Test(
        arguments: [
            Vectors.developmentWIF, Vectors.developmentWIF + "\n", Vectors.developmentPrivate + "\r\n\r\n",
            "# the key of bp01\n\n  \(Vectors.developmentWIF) \t\n# the end\n",
            "\n#\(Vectors.otherWIF)\n\(Vectors.developmentWIF)",
        ])
    func aKeyIsReadFromItsLine(contents: String) throws {
        #expect(try read(contents).publicKey.description == Vectors.developmentLegacy)
    }

    @Test(arguments: [0o600, 0o400])
    func aFileOfItsOwnerIsRead(mode: Int) throws {
        #expect(try read(Vectors.developmentWIF, mode: mode).publicKey.description == Vectors.developmentLegacy)
    }

    /// systemd lends credentials by an access control list, which a mode shows as the group's bits.
    @Test func aFileThatRootLendsToItsReaderIsRead() {
        func isRead(_ mode: mode_t, owner: uid_t = 0, group: gid_t = 0, reader: uid_t = 997) -> Bool {
            PrivateFile.isPrivate(mode: S_IFREG | mode, owner: owner, group: group, reader: reader)
        }
        #expect(isRead(0o440) && isRead(0o640) && isRead(0o400))
        #expect(!isRead(0o444) && !isRead(0o460) && !isRead(0o450) && !isRead(0o540))
        // A group of others is no list of one; root needs none, and nobody lends to the owner.
        #expect(!isRead(0o440, group: 997) && !isRead(0o440, owner: 997) && !isRead(0o440, reader: 0))
    }

    @Test(arguments: [0o644, 0o640, 0o604, 0o620, 0o602, 0o700, 0o4600])
    func aFileOpenToOthersIsRefused(mode: Int) {
        #expect(throws: KeyFileError.Problem.tooOpen(mode: UInt32(mode))) {
            try read(Vectors.developmentWIF, mode: mode)
        }
    }

    @Test(
        arguments: [
            ("", .noKey), ("\n \n# \(Vectors.developmentWIF)\n", .noKey),
            ("\(Vectors.developmentWIF)\n\n\(Vectors.otherWIF)\n", .secondLine(line: 3)),
            ("\(Vectors.developmentWIF)\n\(Vectors.developmentWIF)\n", .secondLine(line: 2)),
            ("#\n\(Vectors.developmentWIF.dropLast())4\n", .badKey(line: 2, .wrongChecksum)),
            ("\(Vectors.developmentWIF) and more", .badKey(line: 1, .badCharacter(position: 51))),
            ("key = \(Vectors.developmentWIF)", .badKey(line: 1, .unknownForm(wanted: "5, PVT_K1_ or PVT_R1_"))),
            (String(repeating: "#", count: 4096) + "\n", .tooLong),
        ] as [(String, KeyFileError.Problem)])
    func whatIsWrongIsSaidWithItsLine(contents: String, problem: KeyFileError.Problem) {
        #expect(throws: problem) { try read(contents) }
    }

    @Test func theLongestFileIsRead() throws {
        let contents = Vectors.developmentWIF + "\n"
        let padding = String(repeating: "#", count: KeyFile.longest - contents.count)
        #expect(try read(contents + padding).publicKey.description == Vectors.developmentLegacy)
    }

    @Test func whatIsNoFileIsRefused() throws {
        #expect(throws: KeyFileError("/nowhere/key", .unreadable(reason: "No such file or directory"))) {
            try KeyFile.read("/nowhere/key")
        }
        #expect(throws: KeyFileError("/tmp", .notAFile)) { try KeyFile.read("/tmp") }
        let pipe = NSTemporaryDirectory() + "prodha-pipe-\(UUID().uuidString)"
        #expect(mkfifo(pipe, 0o600) == 0)
        defer { try? FileManager.default.removeItem(atPath: pipe) }
        #expect(throws: KeyFileError(pipe, .notAFile)) { try KeyFile.read(pipe) }
    }
}
