import SQLiteStore
import Store

func open(_ path: String) throws -> any Store {
    try SQLiteStore(path: path, settings: SQLiteSettings())
}

if CommandLine.arguments.count > 1 {
    try reportOpening { try open(CommandLine.arguments[1]) }
} else {
    print(memory())
}
