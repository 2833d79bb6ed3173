import Glibc

/// The environment, read without Foundation.
enum ProcessEnvironment {
    static var all: [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let mark = text.firstIndex(of: "=") {
                variables[String(text[..<mark])] = String(text[text.index(after: mark)...])
            }
            next += 1
        }
        return variables
    }
}

extension ProcessEnvironment {
    /// What is sent to the APIs that the operator named.
    static func token(in environment: [String: String]) -> String? {
        environment["PRODHA_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
    }
}

enum StandardError {
    static func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
