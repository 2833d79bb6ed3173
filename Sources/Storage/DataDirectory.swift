import Glibc

/// The directory of one peer's durable data, held by one process at a time.
public final class DataDirectory {
    public let path: String
    private let lock: CInt

    public var databasePath: String { path + "/prodha.db" }

    /// Makes the directory if need be and locks it for the life of this object.
    public init(path: String) throws(StoreError) {
        self.path = path
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            if mkdir(made, 0o750) != 0 && errno != EEXIST {
                throw .cannotOpen(path: path, reason: String(cString: strerror(errno)))
            }
        }
        let file = path + "/lock"
        lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw .cannotOpen(path: file, reason: String(cString: strerror(errno))) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let inUse = errno == EWOULDBLOCK
            let reason = String(cString: strerror(errno))
            close(lock)
            throw inUse ? .inUse(directory: path) : .cannotOpen(path: file, reason: reason)
        }
    }

    deinit { close(lock) }
}
