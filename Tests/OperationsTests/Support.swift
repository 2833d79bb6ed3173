// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Foundation
import NIOConcurrencyHelpers

/// Ports that a server's answers speak of, which are known only after all servers have started.
final class SharedPorts: Sendable {
    private let box = NIOLockedValueBox<[Int]>([])
    var ports: [Int] {
        get { box.withLockedValue { $0 } }
        set { box.withLockedValue { $0 = newValue } }
    }
}

func temporaryFile(_ text: String) throws -> String {
    let file = FileManager.default.temporaryDirectory.appending(path: "prodha-operations-\(UUID()).json")
    try Data(text.utf8).write(to: file)
    return file.path
}
