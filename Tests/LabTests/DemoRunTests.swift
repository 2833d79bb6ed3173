// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import FoundationEssentials
import Glibc
import Harness
import Testing

@testable import Lab

/// The program itself: what PRODHA_BINARY names, or what lies beside the tests.
private let binary: String? = {
    if let named = getenv("PRODHA_BINARY") { return String(cString: named) }
    let own = Leash.program
    let folder = own.split(separator: "/").dropLast().joined(separator: "/")
    let path = "/\(folder)/prodha"
    return access(path, X_OK) == 0 ? path : nil
}()

@Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: binary != nil, "the program is not built"))
struct DemoRunTests {
    let directory: String

    init() throws {
        var template = Array("/tmp/prodha-demo-test-XXXXXX".utf8CString)
        #expect(mkdtemp(&template) != nil)
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func start(_ arguments: [String]) throws -> ChildProcess {
        let binary = try #require(binary)
        return try ChildProcess.start(
            binary, [binary, "demo"] + arguments, logFile: directory + "/output")
    }

    private var output: String {
        FileManager.default.contents(atPath: directory + "/output").map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private func wait(for process: ChildProcess) async throws -> Ending {
        while true {
            if let ending = process.ended() { return ending }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Processes that have the directory in their arguments.
    private func processes() -> [String] {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return numbers.filter { number in
            guard number.allSatisfy(\.isNumber), Int32(number) != getpid(),
                let bytes = FileManager.default.contents(atPath: "/proc/\(number)/cmdline")
            else { return false }
            return String(decoding: bytes, as: UTF8.self).contains(directory)
        }
    }

    private func clean() { try? FileManager.default.removeItem(atPath: directory) }

    @Test func leadersDieRegionsAreSwitchedAndNothingIsLostUntold() async throws {
        let work = directory + "/work"
        let demo = try start(["--once", "--kill-every", "1", "--directory", work])
        let ending = try await wait(for: demo)
        #expect(ending == .exited(code: 0), "\(output)")
        #expect(output.contains("the leader"), "\(output)")
        #expect(output.contains("holds the lease: no block for"), "\(output)")
        #expect(output.contains("has caught up"), "\(output)")
        #expect(output.contains("  planned switch         east to west: gap "), "\(output)")
        #expect(output.contains("  planned switch         west to east: gap "), "\(output)")
        #expect(output.contains("  forced switch          east to west: gap "), "\(output)")
        #expect(output.contains("east has given way, and told "), "\(output)")
        #expect(output.contains("all has been shown"), "\(output)")
        #expect(output.contains("heights with two ids   0 of "), "\(output)")
        #expect(output.contains("acknowledged, lost     0\n"), "\(output)")
        #expect(!output.contains("\u{1b}"), "no escapes where there is no terminal")
        #expect(processes() == [])
        #expect(access(work + "/west.json", R_OK) == 0, "what was asked to stay stays")
        clean()
    }

    @Test func noPeerOutlivesADemonstrationThatIsKilled() async throws {
        let demo = try start(["--no-kill", "--directory", directory + "/work"])
        while !output.contains("is committed") {
            try #require(demo.ended() == nil, "\(output)")
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(processes().count == 7)
        demo.signal(SIGKILL)
        #expect(try await wait(for: demo) == .signaled(SIGKILL))
        try await Task.sleep(for: .milliseconds(500))
        #expect(processes() == [])
        clean()
    }

    @Test func aSignalEndsItInOrder() async throws {
        let demo = try start(["--no-kill", "--directory", directory + "/work"])
        while !output.contains("is committed") {
            try #require(demo.ended() == nil, "\(output)")
            try await Task.sleep(for: .milliseconds(50))
        }
        demo.signal(SIGTERM)
        #expect(try await wait(for: demo) == .exited(code: 0), "\(output)")
        #expect(output.contains("heights with two ids   0 of "))
        #expect(processes() == [])
        clean()
    }

    @Test(.enabled("there is no nodeos: see Tests/Nodeos/README.md") { await Nodeos.isWanted() })
    func aLeaderDiesWithItsNodeosAndTheWorldSeesOneChain() async throws {
        let nodeos = try await Nodeos.path()
        let work = directory + "/work"
        let demo = try start(["--nodeos", nodeos, "--duration", "25", "--no-color", "--directory", work])
        let ending = try await wait(for: demo)
        #expect(ending == .exited(code: 0), "\(output)")
        #expect(output.contains("the leader, with its nodeos"), "\(output)")
        #expect(output.contains("holds the lease: no block for"), "\(output)")
        #expect(output.contains("has caught up"), "\(output)")
        #expect(output.contains("forks seen outside     0\n"), "\(output)")
        #expect(output.contains("in the chains of all 4 nodeos\n"), "\(output)")
        #expect(processes() == [])
        clean()
    }

    @Test(.enabled("there is no nodeos: see Tests/Nodeos/README.md") { await Nodeos.isWanted() })
    func noNodeosOutlivesADemonstrationThatIsKilled() async throws {
        let nodeos = try await Nodeos.path()
        let demo = try start(["--no-kill", "--nodeos", nodeos, "--directory", directory + "/work"])
        while !output.contains("is committed") {
            try #require(demo.ended() == nil, "\(output)")
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(processes().count >= 8)
        demo.signal(SIGKILL)
        #expect(try await wait(for: demo) == .signaled(SIGKILL))
        try await Task.sleep(for: .milliseconds(1000))
        #expect(processes() == [])
        clean()
    }

    @Test func aMissingNodeosIsSaid() async throws {
        let demo = try start(["--nodeos", directory + "/nodeos", "--duration", "5"])
        #expect(try await wait(for: demo) == .exited(code: 1))
        #expect(output.contains("make demo-nodeos"), "\(output)")
        clean()
    }

    @Test func aDirectoryWithOtherFilesIsLeftAlone() async throws {
        let file = directory + "/precious"
        #expect(FileManager.default.createFile(atPath: file, contents: Data("x".utf8)))
        let demo = try start(["--duration", "2", "--directory", directory])
        #expect(try await wait(for: demo) == .exited(code: 1))
        #expect(output.contains("has other files in it"), "\(output)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == ["output", "precious"])
        clean()
    }
}
