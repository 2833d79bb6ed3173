// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Storage

@Suite struct DirectoryTests {
    let place = try! Place()

    private func status(_ arguments: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: arguments[0])
        process.arguments = Array(arguments.dropFirst())
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    @Test func aSecondHolderIsRefusedWhileTheFirstLives() throws {
        let first = try DataDirectory(path: place.data)
        for _ in 0..<3 {
            #expect(throws: StoreError.inUse(directory: place.data)) { try DataDirectory(path: place.data) }
        }
        withExtendedLifetime(first) {}
    }

    @Test func theLockIsGoneAfterRelease() throws {
        for _ in 0..<3 { _ = try DataDirectory(path: place.data) }
    }

    @Test func aSecondProcessIsRefusedWhileTheFirstLives() async throws {
        let first = try place.open()
        await #expect(processExitsWith: .exitCode(7)) { [data = place.data as String] in
            do { _ = try DataDirectory(path: data) } catch StoreError.inUse { exit(7) }
        }
        #expect(try status(["/usr/bin/flock", "-n", place.data + "/lock", "true"]) == 1)
        withExtendedLifetime(first) {}
    }

    @Test func theLockIsGoneWhenItsProcessIsKilled() async throws {
        await #expect(processExitsWith: .signal(SIGKILL)) { [data = place.data as String] in
            let held = try DataDirectory(path: data)
            withExtendedLifetime(held) { _ = kill(getpid(), SIGKILL) }
        }
        _ = try DataDirectory(path: place.data)
    }

    /// A program started by this one must not go on holding the lock.
    @Test func theLockIsNotInherited() throws {
        let held = try DataDirectory(path: place.data)
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        let locks = descriptors.filter {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0)) == place.data + "/lock"
        }
        try #require(locks.count == 1)
        #expect(fcntl(try #require(Int32(locks[0])), F_GETFD) & FD_CLOEXEC != 0)
        withExtendedLifetime(held) {}
    }

    @Test func missingDirectoriesAreMadeForTheirOwnerAndGroupOnly() throws {
        let path = place.path + "/a/b//c/"
        _ = try DataDirectory(path: path)
        for made in ["/a", "/a/b", "/a/b/c"] {
            var info = stat()
            try #require(stat(place.path + made, &info) == 0)
            #expect(info.st_mode & 0o777 & ~0o750 == 0)
        }
    }

    @Test func relativePathsAndLinksLeadToTheSameLock() throws {
        let here = FileManager.default.currentDirectoryPath
        let up = String(repeating: "../", count: here.split(separator: "/").count)
        let held = try DataDirectory(path: place.data)
        let relative = up + place.data.dropFirst()
        #expect(throws: StoreError.inUse(directory: relative)) { try DataDirectory(path: relative) }
        let link = place.path + "/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: place.data)
        #expect(throws: StoreError.inUse(directory: link)) { try DataDirectory(path: link) }
        withExtendedLifetime(held) {}
    }

    @Test func whatIsNoDirectoryIsRefused() throws {
        let file = place.path + "/file"
        try #require(FileManager.default.createFile(atPath: file, contents: nil))
        for path in [file, file + "/below", "", "/proc/none"] {
            #expect { try DataDirectory(path: path) } throws: {
                if case StoreError.cannotOpen = $0 { true } else { false }
            }
        }
    }

    @Test func aDatabaseThatCannotBeOpenedIsRefused() throws {
        try FileManager.default.createDirectory(atPath: place.database, withIntermediateDirectories: true)
        #expect { try place.open() } throws: { if case StoreError.cannotOpen = $0 { true } else { false } }
    }
}
