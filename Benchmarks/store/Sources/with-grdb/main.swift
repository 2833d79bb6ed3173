import GRDBStore
import Store

func open(_ path: String) throws -> any Store {
    try GRDBStore(path: path, pragmas: "PRAGMA locking_mode=EXCLUSIVE", schema: "") {}
}

if CommandLine.arguments.count > 1 {
    try reportOpening { try open(CommandLine.arguments[1]) }
} else {
    print(memory())
}
