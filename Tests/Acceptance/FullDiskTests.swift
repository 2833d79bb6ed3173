// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import Testing

@testable import Harness

/// A small file system in memory, mounted for as long as a test needs it.
struct SmallDisk {
    let path: URL

    /// Whether this machine lets us mount anything.
    static func isPermitted() async -> Bool {
        guard geteuid() == 0 else { return false }
        return
            (try? await TemporaryDirectory.with { directory in
                let disk = try await SmallDisk(at: directory.appending(path: "disk"), megabytes: 1)
                await disk.unmount()
                return true
            }) ?? false
    }

    init(at path: URL, megabytes: Int) async throws {
        self.path = path
        try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
        let options = "size=\(megabytes)m,mode=700"
        let mount = try await Finished.running(
            ["/bin/mount", "-t", "tmpfs", "-o", options, "prodha-test", path.path],
            in: FileManager.default.temporaryDirectory)
        guard mount.ending == .exit(0) else { throw CannotStart(description: mount.errors) }
    }

    /// Takes all the room that is left.
    func fill() throws {
        let file = path.appending(path: "filler")
        try Data().write(to: file)
        let handle = try FileHandle(forWritingTo: file)
        defer { try? handle.close() }
        for size in [1 << 16, 1 << 12, 1] {
            while (try? handle.write(contentsOf: Data(count: size))) != nil {}
        }
    }

    func clear() throws {
        try FileManager.default.removeItem(at: path.appending(path: "filler"))
    }

    /// Also in a test that has been cancelled.
    func unmount() async {
        await Task.detached {
            _ = try? await Finished.running(
                ["/bin/umount", "-l", path.path], in: FileManager.default.temporaryDirectory)
        }.value
    }
}

extension Acceptance {
    /// A disk without room costs a peer, not the group, and nothing that was acknowledged.
    @Suite(.enabled("file systems cannot be mounted here") { await SmallDisk.isPermitted() })
    struct FullDiskTests {
        enum Victim: CaseIterable {
            case leader, follower
        }

        @Test(arguments: Victim.allCases)
        func aFullDiskIsToldAndTheGroupGoesOn(_ victim: Victim) async throws {
            try await withCluster { cluster in
                try await cluster.start()
                let leader = try await cluster.leader()
                let peer = victim == .leader ? leader : try #require(cluster.others(than: leader).first)
                // Its data moves to a disk of its own before there is much of it.
                _ = try await peer.terminate()
                let disk = try await SmallDisk(at: peer.directory.appending(path: "disk"), megabytes: 8)
                do {
                    try await test(victim, peer, disk, cluster)
                } catch {
                    peer.killGroup()
                    await disk.unmount()
                    throw error
                }
                try await cluster.checkHistories()
                try await peer.kill()
                await disk.unmount()
            }
        }

        private func test(_ victim: Victim, _ peer: Peer, _ disk: SmallDisk, _ cluster: Cluster) async throws {
            let data = disk.path.appending(path: "data")
            try FileManager.default.copyItem(at: peer.dataDirectory, to: data)
            try peer.edit { $0["data_dir"] = .string(data.path) }
            try await peer.startAndServe()
            var chain = try Chain()
            try await cluster.commit(try chain.next(5))
            try await cluster.allReach(try #require(chain.head).number)
            switch victim {
            case .leader:
                try await eventually("the victim leads") {
                    let answer = try await peer.get("/v1/producer_ha/take_leadership")
                    let leader = try await cluster.leader()
                    return answer.status == 201 && leader === peer
                }
            case .follower:
                if try await cluster.leader() === peer {
                    let other = try #require(cluster.others(than: peer).first)
                    _ = try await peer.post("/v1/prodha/transfer", ["to": .int(other.id)])
                }
            }

            try disk.fill()
            let mark = peer.log.count
            let rest = cluster.others(than: peer)
            try await cluster.underLoad { load in
                try await load.advances(by: 100)
                try await eventually("the disk is missed") {
                    peer.log.dropFirst(mark).range(
                        of: "full|no space|ENOSPC|disk", options: [.regularExpression, .caseInsensitive]) != nil
                }
                try await load.advances(by: 50)
                let id = try await rest[0].leaderID()
                try #require(id != peer.id && id != -1)
                if !peer.runs { try #require(try await peer.end() == .exit(74)) }

                // Room again: by itself if it still runs, else once it is started.
                try disk.clear()
                if !peer.runs { try await peer.startAndServe() }
                let height = try await rest[0].committedHeight()
                try await peer.reaches(height)
                try await load.advances()
            }
            try await cluster.allReach(try #require(cluster.ledger.acknowledged.keys.max()))
        }
    }
}
