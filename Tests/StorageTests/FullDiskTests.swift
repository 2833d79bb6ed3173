// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import CSQLite
import Foundation
import NIOConcurrencyHelpers
import ProducerHA
import Raft
import Testing

@testable import Storage

/// A file system of a few MB in memory, or nil where this process may not mount one.
final class SmallDisk {
    let place: Place

    init?(megabytes: Int) throws {
        place = try Place()
        guard mount("tmpfs", place.path, "tmpfs", 0, "size=\(megabytes)m") == 0 else { return nil }
    }

    deinit { umount2(place.path, Int32(MNT_DETACH)) }

    static let isPermitted = (try? SmallDisk(megabytes: 1)) != nil

    /// Takes all room but `bytes`.
    func fill(leaving bytes: Int) throws {
        let file = open(place.path + "/filler", O_RDWR | O_CREAT | O_TRUNC, 0o600)
        defer { close(file) }
        let page = [UInt8](repeating: 1, count: 4096)
        while write(file, page, page.count) > 0 {}
        ftruncate(file, max(0, lseek(file, 0, SEEK_END) - bytes))
    }

    func free() throws { try FileManager.default.removeItem(atPath: place.path + "/filler") }
}

@Suite(.enabled(if: SmallDisk.isPermitted, "this process may not mount a file system")) struct FullDiskTests {
    private func persist(_ number: UInt64) -> StoreThread.Job {
        .write(.persist(Persist(number, state(term: 1), entries(number...number, bytes: 50_000))))
    }

    @Test func aFullDiskIsReportedOnceAndNothingIsLost() throws {
        let disk = try #require(try SmallDisk(megabytes: 16))
        let reports = Reports()
        let thread = try startThread(disk.place, reports)
        try disk.fill(leaving: 1 << 20)
        for number in 1...60 as ClosedRange<UInt64> { thread.submit(persist(number)) }
        #expect(reports.wait { $0.list.contains("full") })
        // Several tries later it has been said once, and readers are not left waiting.
        usleep(700_000)
        thread.submit(
            .read(1, through: 1, bytes: 1) { [reports] found in
                if case .failure(.full) = found { reports.note("read refused") }
            })
        #expect(reports.wait { $0.list.contains("read refused") })
        #expect(reports.list.filter { $0 != "persisted" } == ["full", "read refused"])
        #expect(reports.lastPersisted < 60)
        try disk.free()
        #expect(reports.wait { $0.lastPersisted == 60 })
        #expect(reports.list.suffix(2) == ["room", "persisted"])
        thread.stop(withinSeconds: 20)
        #expect(!reports.list.contains("failed"))
        #expect(try Model(try disk.place.open()).log == entries(1...60, bytes: 50_000))
    }

    @Test func stoppingOnAFullDiskSaysWhatIsNotWritten() throws {
        let disk = try #require(try SmallDisk(megabytes: 16))
        let reports = Reports()
        let thread = try startThread(disk.place, reports)
        thread.submit(persist(1))
        #expect(reports.wait { $0.lastPersisted == 1 })
        try disk.fill(leaving: 0)
        for number in 2...60 as ClosedRange<UInt64> { thread.submit(persist(number)) }
        #expect(reports.wait { $0.list.contains("full") })
        thread.stop(withinSeconds: 20)
        #expect(reports.list.last == "failed")
        try disk.free()
        let kept = try Model(try disk.place.open()).lastIndex
        #expect(kept == reports.lastPersisted)
    }

    @Test func aCheckpointWithoutRoomIsNoFailure() throws {
        let disk = try #require(try SmallDisk(megabytes: 16))
        let store = try disk.place.open()
        // In the write-ahead log alone; the database has no room for it.
        try store.write([.persist(Persist(state(term: 1), entries(1...40, bytes: 50_000)))])
        try disk.fill(leaving: 0)
        #expect(throws: StoreError.full(path: disk.place.database)) { try store.database.checkpoint() }
        try store.tidy()
        #expect(throws: StoreError.full(path: disk.place.database)) {
            try store.write([.persist(Persist(state(term: 1), entries(41...80, bytes: 50_000)))])
        }
        #expect(try Model(store).log == entries(1...40, bytes: 50_000))
        try disk.free()
        try store.write([.persist(Persist(state(term: 1), entries(41...80, bytes: 50_000)))])
        #expect(try Model(store).log == entries(1...80, bytes: 50_000))
    }

    /// The log cannot grow, but the database has room for what is in it, and then the log begins anew.
    @Test func aFullDiskWithRoomInTheDatabaseGoesOn() throws {
        let disk = try #require(try SmallDisk(megabytes: 16))
        let store = try disk.place.open()
        try store.write([.persist(Persist(state(term: 1), entries(1...40, bytes: 50_000)))])
        try store.write([.keep(Snapshot(index: 40, term: 1, state: []), dropThrough: 40, droppedTerm: 1)])
        for _ in 0..<4 { try store.write([.flag(FlagRecord())]) }
        try store.database.checkpoint()
        for index in 41...70 as ClosedRange<UInt64> {
            try store.write([.persist(Persist(state(term: 1), entries(index...index, bytes: 50_000)))])
        }
        try disk.fill(leaving: 0)
        var tries = 0
        for index in 71...110 as ClosedRange<UInt64> {
            let write = Store.Write.persist(Persist(state(term: 1), entries(index...index, bytes: 50_000)))
            let keep = Store.Write.keep(
                Snapshot(index: index - 1, term: 1, state: []), dropThrough: index - 20, droppedTerm: 1)
            do {
                try store.write([write, keep])
            } catch StoreError.full {
                tries += 1
                try store.write([write, keep])
            }
        }
        #expect(tries > 0)
        #expect(try Model(store).lastIndex == 110)
    }
}

/// Errors of the disk, given by a system call that stands in for SQLite's own.
@Suite(.serialized) struct DiskErrorTests {
    private static let fault = NIOLockedValueBox<(path: String, error: Int32)?>(nil)

    private typealias Write = @convention(c) (CInt, UnsafeRawPointer?, Int, off_t) -> Int

    /// Fails writes below `path` until `body` is done.
    private func failing(_ path: String, with error: Int32, _ body: () throws -> Void) rethrows {
        let stand: Write = { descriptor, bytes, count, offset in
            var name = [CChar](repeating: 0, count: 4096)
            let length = readlink("/proc/self/fd/\(descriptor)", &name, name.count - 1)
            let path = String(decoding: name.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if let fault = DiskErrorTests.fault.withLockedValue({ $0 }), path.hasPrefix(fault.path) {
                errno = fault.error
                return -1
            }
            return pwrite(descriptor, bytes, count, offset)
        }
        let system = sqlite3_vfs_find(nil)
        let call = unsafeBitCast(stand, to: sqlite3_syscall_ptr.self)
        for name in ["pwrite", "pwrite64"] { _ = system?.pointee.xSetSystemCall(system, name, call) }
        Self.fault.withLockedValue { $0 = (path, error) }
        defer { Self.fault.withLockedValue { $0 = nil } }
        try body()
    }

    @Test(arguments: [ENOSPC, EDQUOT])
    func noRoomIsFullAndTriedAgain(error: Int32) throws {
        let place = try Place()
        let store = try place.open()
        try store.write([.persist(Persist(state(term: 1), entries(1...5)))])
        let next = Store.Write.persist(Persist(state(term: 2), entries(6...9, term: 2)))
        failing(place.data, with: error) {
            for _ in 0..<3 { #expect(throws: StoreError.full(path: place.database)) { try store.write([next]) } }
            #expect(throws: StoreError.full(path: place.database)) { try store.database.checkpoint() }
        }
        #expect(try Model(store).log == entries(1...5))
        try store.write([next])
        #expect(try Model(store).log == entries(1...5) + entries(6...9, term: 2))
    }

    @Test func aFailedWriteIsFatalAndNotTriedAgain() throws {
        let place = try Place()
        let reports = Reports()
        let thread = try startThread(place, reports)
        func job(_ number: UInt64) -> StoreThread.Job {
            .write(.persist(Persist(number, state(term: 1), entries(number...number))))
        }
        thread.submit(job(1))
        #expect(reports.wait { $0.lastPersisted == 1 })
        failing(place.data, with: EIO) {
            thread.submit(job(2))
            #expect(reports.wait { $0.list.contains("failed") })
        }
        thread.submit(job(3))
        thread.stop(withinSeconds: 20)
        #expect(reports.list == ["persisted", "failed"])
    }

    @Test func afterAnErrorTheStoreRefusesToWrite() throws {
        let place = try Place()
        let store = try place.open()
        try store.write([.persist(Persist(state(term: 1), entries(1...400, bytes: 4000)))])
        failing(place.data, with: EIO) {
            #expect { try store.tidy() } throws: {
                guard case StoreError.failed(_, let reason) = $0 else { return false }
                return reason.contains("errno \(EIO)")
            }
        }
        #expect(throws: StoreError.self) { try store.write([.flag(FlagRecord())]) }
        #expect(throws: StoreError.self) { try store.tidy() }
    }
}
