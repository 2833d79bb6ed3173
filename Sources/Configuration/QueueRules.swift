// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

// The rules of the `amqp` block: the queue that transactions come from. The keys are those of EOSIO-Taurus's
// amqp_trx_plugin, without their `amqp-trx-` and with `_` for `-`.

/// The `amqp` block.
public struct QueueSettings: Hashable, Sendable {
    /// `ack_mode`: when the broker may forget a message.
    public enum AckMode: String, Hashable, Sendable, CaseIterable {
        case received
        case executed
        case inBlock = "in_block"
    }

    /// The files of amqps. Paths as in `PeerTLS`.
    public struct TLS: Hashable, Sendable {
        /// `root_cert_file`: the authorities that sign the broker's certificate.
        public var rootFile: String
        /// `cert_file`: this peer's certificate, where the broker wants one.
        public var certificateFile: String?
        /// `key_file`: its private key.
        public var keyFile: String?
    }

    public var address: BrokerAddress
    /// `queue`: must exist.
    public var queue: String
    /// `queue_size`: messages that the broker gives before it waits for acknowledgements, 1 to 65535.
    public var queueSize: Int
    /// `retry_timeout_us`: how long a broker may be away until that is an error, in microseconds.
    public var retryTimeout: Duration
    /// `retry_interval_us`: the pause between two attempts to connect, in microseconds.
    public var retryInterval: Duration
    public var ackMode: AckMode
    /// nil: in plaintext.
    public var tls: TLS?
}

/// Where a broker is, and who asks: `amqp://user:password@host:port/vhost`.
public struct BrokerAddress: Hashable, Sendable, CustomStringConvertible {
    public var isTLS: Bool
    public var user: String
    public var password: String
    public var endpoint: HostPort
    public var virtualHost: String

    /// Why a text is no such address. Never has the password in it.
    struct Malformed: Error, Hashable {
        var message: String
        var suggestion = "write amqp://user:password@broker.example.com:5672/vhost"
    }

    /// Reads an address (https://www.rabbitmq.com/docs/uri-spec). Without a user it is guest, without a path the virtual
    /// host is `/`; what those reserve stands as %XX.
    init(parsing text: String) throws(Malformed) {
        guard let scheme = ["amqp://", "amqps://"].first(where: text.lowercased().hasPrefix) else {
            throw Malformed(message: "the address does not begin with amqp:// or amqps://")
        }
        isTLS = scheme == "amqps://"
        var rest = text.dropFirst(scheme.count)
        guard !rest.contains(where: { "?#".contains($0) }) else {
            throw Malformed(
                message: "the address has a '?' or '#'; no options are known, and in names they are %3F and %23")
        }
        virtualHost = "/"
        if let slash = rest.firstIndex(of: "/") {
            let path = rest[rest.index(after: slash)...]
            guard !path.contains("/"), let name = Self.decoded(path), name.utf8.count <= 255 else {
                throw Malformed(message: "the virtual host behind the last '/' is no name; a '/' in it is %2F")
            }
            // An empty one is a name too, which nobody means.
            virtualHost = name.isEmpty ? "/" : name
            rest = rest[..<slash]
        }
        (user, password) = ("guest", "guest")
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard !rest[..<at].contains("@"), let name = parts.first.flatMap({ Self.decoded($0) }), !name.isEmpty,
                let secret = Self.decoded(parts.count > 1 ? parts[1] : "")
            else { throw Malformed(message: "what stands before the '@' is not user:password; an '@' in them is %40") }
            (user, password) = (name, secret)
            rest = rest[rest.index(after: at)...]
        }
        let hasPort = rest.last != "]" && (rest.first == "[" || rest.contains(":"))
        do throws(HostPort.Malformed) {
            endpoint = try HostPort(parsing: hasPort ? String(rest) : "\(rest):\(isTLS ? 5671 : 5672)")
        } catch {
            // Its own words could have a password in them, where the '@' was forgotten.
            throw Malformed(message: "the address has no host, or its port is not a number from 1 to 65535")
        }
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let digits = String(rest.prefix(2)), digits.utf8.count == 2, digits.allSatisfy(\.isHexDigit),
                let value = UInt8(digits, radix: 16)
            else { return nil }
            rest = rest.dropFirst(2)
            bytes.append(value)
        }
        guard let text = String(validating: bytes, as: UTF8.self),
            !text.unicodeScalars.contains(where: { $0.value < 32 })
        else { return nil }
        return text
    }

    /// Without the password.
    public var description: String {
        "\(isTLS ? "amqps" : "amqp")://\(user)@\(endpoint)\(virtualHost == "/" ? "" : "/\(virtualHost)")"
    }
}

enum QueueRules {
    static func settings(_ root: ObjectReader, hasNodeos: Bool, checks: FileChecks) -> QueueSettings? {
        guard let amqp = root.object("amqp", .amqp) else { return nil }
        if !hasNodeos {
            amqp.error(
                "address", "nodeos.http is not given: nobody would execute the queue's transactions",
                "give nodeos.http, like \"http://127.0.0.1:8888\"")
        }
        let address = address(amqp)
        let queue = amqp.has("queue") ? amqp.text("queue", like: "trx") : "trx"
        if let queue, queue.utf8.count > 255 { amqp.error("queue", "the name of a queue has 255 bytes at most") }
        let size = amqp.integer("queue_size", in: 1...65535, origin: .ours, default: 1000)
        let timeout = amqp.integer("retry_timeout_us", in: 0...86_400_000_000, origin: .ours, default: 60_000_000)
        let interval = amqp.integer("retry_interval_us", in: 10_000...60_000_000, origin: .ours, default: 500_000)
        let mode = ackMode(amqp)
        guard let address else { return nil }
        let tls = tls(amqp, address, checks)
        guard let queue, let size, let timeout, let interval, let mode else { return nil }
        return QueueSettings(
            address: address, queue: queue, queueSize: size, retryTimeout: .microseconds(timeout),
            retryInterval: .microseconds(interval), ackMode: mode, tls: tls)
    }

    private static func address(_ amqp: ObjectReader) -> BrokerAddress? {
        guard amqp.has("address") else {
            amqp.error("address", "amqp has no address", Suggestions.address)
            return nil
        }
        guard let text = amqp.text("address", like: "amqp://user:password@127.0.0.1:5672") else { return nil }
        do {
            return try BrokerAddress(parsing: text)
        } catch {
            amqp.error("address", error.message, error.suggestion)
            return nil
        }
    }

    private enum Suggestions {
        static let address = "give amqp.address, like amqp://user:password@broker.example.com:5672"
    }

    private static func ackMode(_ amqp: ObjectReader) -> QueueSettings.AckMode? {
        guard amqp.has("ack_mode") else { return .inBlock }
        guard let text = amqp.text("ack_mode", like: "in_block") else { return nil }
        guard let mode = QueueSettings.AckMode(rawValue: text) else {
            amqp.error("ack_mode", "\(text.quoted) is no ack_mode", "write received, executed or in_block")
            return nil
        }
        if mode != .inBlock {
            amqp.warn(
                "ack_mode", "with \(text), transactions on their way are lost when the leader dies",
                "leave it out for in_block")
        }
        return mode
    }

    private static func tls(_ amqp: ObjectReader, _ address: BrokerAddress, _ checks: FileChecks) -> QueueSettings.TLS?
    {
        let keys = ["root_cert_file", "cert_file", "key_file"]
        guard address.isTLS else {
            if let unused = keys.first(where: amqp.has) {
                amqp.warn(unused, "it is not used: the address is amqp://", "write amqps:// to have TLS")
            }
            if !address.endpoint.isLoopback {
                amqp.warn("address", "the password and all transactions travel in plaintext", "write amqps://")
            }
            return nil
        }
        guard amqp.has("root_cert_file") else {
            amqp.error(
                "root_cert_file", "amqps needs to know who signs the broker's certificate",
                "give the file of that authority, in PEM")
            return nil
        }
        let root = amqp.file("root_cert_file", checks: checks)
        let certificate = amqp.has("cert_file") ? amqp.file("cert_file", checks: checks) : nil
        let key = amqp.has("key_file") ? amqp.file("key_file", checks: checks, privacy: .advised) : nil
        if amqp.has("cert_file") != amqp.has("key_file") {
            amqp.error(
                amqp.has("cert_file") ? "cert_file" : "key_file", "cert_file and key_file come together", "give both")
        }
        return root.map { QueueSettings.TLS(rootFile: $0, certificateFile: certificate, keyFile: key) }
    }
}
