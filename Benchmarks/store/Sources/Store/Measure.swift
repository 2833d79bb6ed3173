import Glibc

public func nanoseconds() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}

/// Resident, anonymous and file-backed memory of this process in MB.
public func memory() -> String {
    guard let file = fopen("/proc/self/status", "r") else { return "" }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    var parts: [String] = []
    while fgets(&line, 256, file) != nil {
        let text = line.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        for name in ["VmRSS:", "RssAnon:", "RssFile:"] where text.hasPrefix(name) {
            let kilobytes = Double(text.dropFirst(name.count).drop { !$0.isNumber }.prefix { $0.isNumber }) ?? 0
            parts.append("\(name.dropLast()) \(Double(Int(kilobytes / 102.4)) / 10)")
        }
    }
    return parts.joined(separator: "  ")
}

/// Opens a store, reads the short form of every entry, and says what that cost.
public func reportOpening(_ open: () throws -> any Store) throws {
    let before = memory()
    let start = nanoseconds()
    let store = try open()
    let opened = nanoseconds()
    var count = 0
    var sum: UInt64 = 0
    try store.scan { index, term, kind, number in
        count += 1
        sum &+= index ^ term ^ UInt64(kind) ^ UInt64(number)
    }
    let scanned = nanoseconds()
    print("open \((opened - start) / 1000) us, scan of \(count) \((scanned - opened) / 1000) us (\(sum % 997))")
    print("    before \(before)\n    after  \(memory())")
    try store.close()
}
