// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The daemon as the next version might be: it says that it is a later one, speaks one more wire version, and writes a later
// format of the store. With PRODHA_CLAIM=alone it no longer understands this version's wire format.
// Called as `prodha-next run --config FILE`.

import Configuration
import Foundation
import Node
import Storage
import Transport

let environment = ProcessInfo.processInfo.environment
let known = Greeting.knownWireVersions
let next = known.upperBound + 1
let versions = Versions(
    software: "\(Version.current)+next",
    wire: (environment["PRODHA_CLAIM"] == "alone" ? next : known.lowerBound)...next,
    store: Store.currentFormat + 1)

func load() -> Configuration? {
    ConfigurationLoader.load(file: CommandLine.arguments.last ?? "", environment: environment).configuration
}

guard CommandLine.arguments.dropFirst().first == "run", let configuration = load() else {
    FileHandle.standardError.write(Data("prodha-next run --config FILE\n".utf8))
    exit(64)
}
exit(Daemon.run(configuration, environment: environment, versions: versions) { load() })
