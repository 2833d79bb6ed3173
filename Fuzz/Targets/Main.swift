// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// One program for all targets: `PRODHA_FUZZ_TARGET` names the one that runs, the arguments are libFuzzer's. Without it
// the targets are listed. The name comes by the environment so that libFuzzer can start the program again by itself.

import Glibc

let targets: [Target] = [
    .peerFrames, .greetings, .messages, .blocks, .p2pStream, .configurationJSON, .configurationYAML, .httpServer,
    .httpClient, .texts, .documents, .blockBodies, .entries, .snapshots, .statusAnswers, .gateStream, .nodeosBlocks,
    .nodeosAnswers, .signRequests, .keys, .transactionBodies,
    .queueMessages,
]

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ runOne: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// Set once, before the first input.
nonisolated(unsafe) private var chosen: Target?

@main enum Main {
    static func main() {
        guard let name = getenv("PRODHA_FUZZ_TARGET").map({ String(cString: $0) }) else {
            for target in targets { print(target.name, target.maxBytes) }
            return
        }
        chosen = targets.first { $0.name == name }
        guard chosen != nil else {
            print("there is no target \(name)")
            exit(64)
        }
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(
            runDriver(&count, &arguments) { bytes, count in
                chosen?.runOne(Array(UnsafeBufferPointer(start: bytes, count: count)))
                return 0
            })
    }
}
