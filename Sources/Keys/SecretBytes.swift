// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Calls `body` with zeroed memory and zeroes it again afterwards, whatever `body` did or threw.
func withWipedMemory<Result, Failure>(
    byteCount: Int, _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
) throws(Failure) -> Result {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 16)
    wipe(memory)
    defer {
        wipe(memory)
        memory.deallocate()
    }
    return try body(memory)
}

func wipe(_ memory: UnsafeMutableRawBufferPointer) {
    guard let start = memory.baseAddress else { return }
    #if canImport(Darwin)
        _ = memset_s(start, memory.count, 0, memory.count)
    #else
        // Unlike memset this is not left out when nobody reads the memory afterwards.
        explicit_bzero(start, memory.count)
    #endif
}

/// Bytes that must not be seen: on a page of their own, which is kept from swap space and core dumps where the system
/// lets us, and zeroed when the last reference goes.
final class SecretBytes: @unchecked Sendable {
    // Unchecked: the memory is written in `init` only, and freed when nobody refers to it any more.
    private let page: UnsafeMutableRawBufferPointer
    let count: Int

    /// Copies at most 4096 bytes; the caller wipes its own copy.
    init(copying bytes: UnsafeRawBufferPointer) {
        let pageSize = 4096
        precondition(bytes.count <= pageSize)
        page = .allocate(byteCount: pageSize, alignment: pageSize)
        count = bytes.count
        // Either may be refused by the system's limits; the key is then as safe as the process's other memory.
        _ = mlock(page.baseAddress, pageSize)
        #if os(Linux)
            _ = madvise(page.baseAddress, pageSize, Int32(MADV_DONTDUMP))
        #endif
        wipe(page)
        page.copyMemory(from: bytes)
    }

    deinit {
        wipe(page)
        #if os(Linux)
            _ = madvise(page.baseAddress, page.count, Int32(MADV_DODUMP))
        #endif
        _ = munlock(page.baseAddress, page.count)
        page.deallocate()
    }

    /// The bytes are valid during the call only; `body` must not keep a copy.
    func withUnsafeBytes<Result, Failure>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(self) { () throws(Failure) in
            try body(UnsafeRawBufferPointer(rebasing: page[..<count]))
        }
    }
}
