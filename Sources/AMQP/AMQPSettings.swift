// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore

/// What a session with a broker needs to know.
public struct AMQPSettings: Hashable, Sendable {
    /// Files in PEM form.
    public struct TLS: Hashable, Sendable {
        /// Certificates that the broker's must descend from. nil: the system's, `systemRoots`.
        public var rootsFile: String?
        /// This side's certificate, followed by those between it and its root, and its key, which must not need a
        /// passphrase. nil: none, which a broker may refuse.
        public var identity: Identity?
        public var peerVerification: Verification
        /// Compares the DNS names of the certificate, or its common name when it has none, with the host of the address.
        /// librabbitmq 0.11 does not know IP addresses in certificates: an address with one never matches them.
        public var hostNameVerification: Verification

        public struct Identity: Hashable, Sendable {
            public var certificateFile: String
            public var keyFile: String

            public init(certificateFile: String, keyFile: String) {
                self.certificateFile = certificateFile
                self.keyFile = keyFile
            }
        }

        public enum Verification: Hashable, Sendable {
            case required
            case off
        }

        /// Debian's file of all root certificates.
        public static let systemRoots = "/etc/ssl/certs/ca-certificates.crt"

        public init(
            rootsFile: String? = nil, identity: Identity? = nil, peerVerification: Verification = .required,
            hostNameVerification: Verification = .required
        ) {
            self.rootsFile = rootsFile
            self.identity = identity
            self.peerVerification = peerVerification
            self.hostNameVerification = hostNameVerification
        }
    }

    public let address: AMQPAddress
    /// The queue to consume, 1...255 bytes. It must exist.
    public let queue: String
    /// How many messages may be delivered and neither acknowledged nor rejected, 1...65535. That many, of up to
    /// `AMQPConsumer.maxBodyBytes` each, may be in memory at once.
    public let prefetch: Int
    /// Seconds, 1...60. The broker is given up when nothing came from it for twice this time, and does the same with
    /// this side. A broker that is configured for less gets its way.
    public let heartbeatSeconds: Int
    /// For everything from the name lookup to the broker's agreement to deliver; 100 ms to 60 s.
    public let connectTimeout: TimeAmount
    /// For an amqps address.
    public let tls: TLS
    /// What the broker's own tools show for the connection.
    public let connectionName: String

    /// - Throws: `AMQPSettingsError.outOfRange`.
    public init(
        address: AMQPAddress, queue: String, prefetch: Int, heartbeatSeconds: Int = 2,
        connectTimeout: TimeAmount = .seconds(5), tls: TLS? = nil, connectionName: String = "prodha"
    ) throws(AMQPSettingsError) {
        guard (1...255).contains(queue.utf8.count) else {
            throw .outOfRange("the queue's name must have 1 to 255 bytes")
        }
        guard (1...65535).contains(prefetch) else { throw .outOfRange("the prefetch must be from 1 to 65535") }
        guard (1...60).contains(heartbeatSeconds) else { throw .outOfRange("the heartbeat must be from 1 to 60 s") }
        guard connectTimeout >= .milliseconds(100), connectTimeout <= .seconds(60) else {
            throw .outOfRange("the connect timeout must be from 100 ms to 60 s")
        }
        guard tls == nil || address.security == .tls else {
            throw .outOfRange("there are TLS settings, but the broker's address begins with amqp:// and not amqps://")
        }
        self.address = address
        self.queue = queue
        self.prefetch = prefetch
        self.heartbeatSeconds = heartbeatSeconds
        self.connectTimeout = connectTimeout
        self.tls = tls ?? TLS()
        self.connectionName = connectionName
    }

    /// Acknowledgements, rejections and publications that may wait to be written: an honest owner has one of the former
    /// two and at most one or two of the last for each message.
    var maxWaitingCalls: Int { 3 * prefetch + 1 }

    /// How long one write may take. A broker that takes nothing for as long does not hear the heartbeats either.
    var writeTimeout: TimeAmount { .seconds(Int64(2 * heartbeatSeconds)) }
}

/// Nothing was tried yet: the settings must be corrected.
public enum AMQPSettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    case outOfRange(String)

    public var description: String {
        switch self {
        case .outOfRange(let what): what
        }
    }
}
