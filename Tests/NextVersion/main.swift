// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The daemon as the next version might be: it says that it is a later one, speaks one more wire version, and writes a later
// format of the store. With PRODHA_CLAIM=alone it no longer understands this version's wire format; with PRODHA_CLAIM=before it
// speaks the wire format before this version's, and no other.
// Called as `prodha-next run --config FILE`.

import Configuration
import Foundation
import Node
import Storage
import Transport

let environment = ProcessInfo.processInfo.environment
let known = Greeting.knownWireVersions
let (before, next) = (known.lowerBound - 1, known.upperBound + 1)
let wire =
    switch environment["PRODHA_CLAIM"] {
    case "alone": next...next
    case "before": before...before
    default: known.lowerBound...next
    }
let versions = Versions(
    software: "\(Version.current)+next", wire: wire, store: Store.currentFormat + 1)

func load() -> Configuration? {
    ConfigurationLoader.load(file: CommandLine.arguments.last ?? "", environment: environment).configuration
}

guard CommandLine.arguments.dropFirst().first == "run", let configuration = load() else {
    FileHandle.standardError.write(Data("prodha-next run --config FILE\n".utf8))
    exit(64)
}
exit(Daemon.run(configuration, environment: environment, versions: versions) { load() })
