// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

private let project = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// Runs make in the project.
private func make(_ arguments: String...) async throws {
    let finished = try await Finished.running(
        ["/usr/bin/make", "-C", project.path] + arguments, in: FileManager.default.temporaryDirectory)
    try #require(finished.ending == .exit(0), "\(finished)")
}

private func files(under folder: URL) throws -> Set<String> {
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    return Set(
        names.filter { name in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: folder.path + "/" + name, isDirectory: &isFolder)
                && !isFolder.boolValue
        })
}

/// `make install` and the systemd unit, without the release build: any program stands in for it.
@Suite struct InstallTests {
    /// Where each file of the project belongs, by what kind of file it is.
    private func place(of file: String) throws -> String {
        let name = file.split(separator: "/").last.map(String.init) ?? file
        switch file {
        case "Config/prodha@.service": return "usr/lib/systemd/system/\(name)"
        case "Config/prodha.sysusers": return "usr/lib/sysusers.d/prodha.conf"
        case "Config/prodha.tmpfiles": return "usr/lib/tmpfiles.d/prodha.conf"
        case "LICENSE": return "usr/share/doc/prodha/LICENSE"
        case "Completions/_prodha": return "usr/share/zsh/site-functions/_prodha"
        case "Completions/prodha.bash": return "usr/share/bash-completion/completions/prodha"
        case "Completions/prodha.fish": return "usr/share/fish/vendor_completions.d/prodha.fish"
        case _ where file.hasPrefix("Config/"): return "usr/share/doc/prodha/examples/\(name)"
        case _ where file.hasPrefix("Documentation/"): return "usr/share/doc/prodha/\(name)"
        case _ where file.hasPrefix("Man/"): return "usr/share/man/man\(try #require(name.last))/\(name)"
        default: throw CannotStart(description: "where does \(file) belong? Say so here and in Packaging/install.mk")
        }
    }

    @Test func everyFileIsInstalledWhereItBelongsAndTakenAwayAgain() async throws {
        try await TemporaryDirectory.with { directory in
            try await make("install", "DESTDIR=\(directory.path)", "PREFIX=/usr", "PROGRAM=/bin/true")
            var wanted: Set = ["usr/bin/prodha"]
            var sources = ["LICENSE"]
            for folder in ["Man", "Completions", "Config", "Documentation"] {
                let names = try files(under: project.appending(path: folder))
                #expect(!names.isEmpty, "is \(folder) read?")
                // What the manual is made of stays here.
                let made = folder == "Man" ? names.filter { !$0.contains("/") && $0 != "generate" } : names
                sources += made.map { "\(folder)/\($0)" }
            }
            for source in sources {
                let target = try place(of: source)
                #expect(wanted.insert(target).inserted, "two files want to be \(target)")
                #expect(
                    FileManager.default.contentsEqual(
                        atPath: project.appending(path: source).path, andPath: directory.appending(path: target).path),
                    "\(source) is not \(target)")
            }
            #expect(try files(under: directory) == wanted)
            for file in wanted {
                let attributes = try FileManager.default.attributesOfItem(
                    atPath: directory.appending(path: file).path)
                #expect(attributes[.posixPermissions] as? Int == (file == "usr/bin/prodha" ? 0o755 : 0o644), "\(file)")
            }

            try await make("uninstall", "DESTDIR=\(directory.path)", "PREFIX=/usr", "PROGRAM=/bin/true")
            #expect(try files(under: directory).isEmpty)
            #expect(!FileManager.default.fileExists(atPath: directory.appending(path: "usr/share/doc/prodha").path))
        }
    }

    /// systemd itself reads the unit: no unknown setting, no program that is not there, and little that a peer which was
    /// taken over could do.
    @Test func systemdAcceptsTheUnitAndRatesItWell() async throws {
        let analyze = "/usr/bin/systemd-analyze"
        try #require(
            FileManager.default.isExecutableFile(atPath: analyze), "install the Debian package systemd; it need not run"
        )
        try await TemporaryDirectory.with { directory in
            let prefix = directory.appending(path: "opt").path
            try await make("install", "PREFIX=\(prefix)", "PROGRAM=/bin/true")
            let unit = prefix + "/lib/systemd/system/prodha@.service"
            let text = try String(contentsOfFile: unit, encoding: .utf8)
            #expect(text.contains("\nExecStart=\(prefix)/bin/prodha run "), "ExecStart does not follow PREFIX")

            let verified = try await Finished.running([analyze, "verify", "--man=no", unit], in: directory)
            #expect(verified.ending == .exit(0) && verified.everything.isEmpty, "\(verified)")
            // Tenths: 15 of 100, which systemd calls OK.
            let rated = try await Finished.running(
                [analyze, "security", "--offline=true", "--threshold=15", "--no-pager", unit], in: directory)
            #expect(rated.ending == .exit(0), "\(rated)")
        }
    }
}
