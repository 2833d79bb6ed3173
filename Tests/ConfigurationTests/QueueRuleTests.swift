// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.

import Testing

@testable import Configuration

@Suite struct QueueRuleTests {
    private func load(_ amqp: String) -> LoadResult {
        ConfigurationTests.load(
            Samples.extended("\"nodeos\": {\"http\": \"http://127.0.0.1:8888\"}, \"amqp\": {\(amqp)}"))
    }

    @Test func whereTheFileIsSilentItIsAsWithTaurus() throws {
        let result = load(#""address": "amqp://127.0.0.1""#)
        let amqp = try #require(result.configuration?.amqp, "\(result.errors)")
        #expect(
            amqp
                == QueueSettings(
                    address: try BrokerAddress(parsing: "amqp://guest:guest@127.0.0.1:5672"), queue: "trx",
                    queueSize: 1000, retryTimeout: .seconds(60), retryInterval: .milliseconds(500), ackMode: .inBlock,
                    tls: nil))
        #expect(!result.diagnostics.contains { $0.key?.hasPrefix("amqp") == true }, "\(result.diagnostics)")
    }

    @Test func everythingIsRead() throws {
        let result = load(
            """
            "address": "amqps://bp:s3c%40ret@broker.example.com:5999/taurus", "queue": "bptrx", "queue_size": 65535,
            "retry_timeout_us": 0, "retry_interval_us": 10000, "ack_mode": "executed", "root_cert_file": "/etc/passwd",
            "cert_file": "/etc/group", "key_file": "/etc/hosts"
            """)
        let amqp = try #require(result.configuration?.amqp, "\(result.errors)")
        #expect(amqp.address.user == "bp" && amqp.address.password == "s3c@ret" && amqp.address.isTLS)
        #expect(amqp.address.endpoint == HostPort(host: "broker.example.com", port: 5999))
        #expect(amqp.address.virtualHost == "taurus" && amqp.queue == "bptrx" && amqp.queueSize == 65535)
        #expect(amqp.retryTimeout == .zero && amqp.retryInterval == .milliseconds(10) && amqp.ackMode == .executed)
        #expect(amqp.tls == .init(rootFile: "/etc/passwd", certificateFile: "/etc/group", keyFile: "/etc/hosts"))
        #expect(result.has(.warning, "amqp.ack_mode", "lost when the leader dies"))
        #expect(!"\(amqp.address)".contains("ret"))
    }

    @Test func aPasswordInTheClearIsWarnedOf() {
        #expect(load(#""address": "amqp://a:b@10.0.0.9""#).has(.warning, "amqp.address", "plaintext"))
        #expect(load(#""address": "amqp://a:b@[::1]", "key_file": "/k""#).has(.warning, "amqp.key_file", "not used"))
    }

    @Test(
        arguments: [
            ("amqp://h", "guest", "guest", "h:5672", "/"), ("amqps://h", "guest", "guest", "h:5671", "/"),
            ("AMQP://h:1", "guest", "guest", "h:1", "/"), ("amqp://h/", "guest", "guest", "h:5672", "/"),
            ("amqp://h/%2F", "guest", "guest", "h:5672", "/"), ("amqp://h/a%2fb", "guest", "guest", "h:5672", "a/b"),
            ("amqp://u@h", "u", "", "h:5672", "/"), ("amqp://u:@h", "u", "", "h:5672", "/"),
            ("amqp://u:p:q@h", "u", "p:q", "h:5672", "/"), ("amqp://%C3%A4:%25@[::1]:7/v", "ä", "%", "[::1]:7", "v"),
            ("amqps://u:p@[2001:db8::1]", "u", "p", "[2001:db8::1]:5671", "/"),
        ])
    func addressesAreRead(_ text: String, _ user: String, _ password: String, _ endpoint: String, _ host: String) throws
    {
        let address = try BrokerAddress(parsing: text)
        #expect(address.user == user && address.password == password && address.virtualHost == host)
        #expect(address.endpoint.description == endpoint)
    }

    @Test(arguments: [
        "", "127.0.0.1:5672", "http://h", "amqp:/h", "amqp://", "amqp://u:secret@", "amqp://u:secret@h:0",
        "amqp://u:secret@h:70000", "amqp://u:secret@h:", "amqp://:secret@h", "amqp://u:secr%4@h", "amqp://u:secret%@h",
        "amqp://u:secret%zz@h", "amqp://u:secret@h/a/b", "amqp://u:secret@h?heartbeat=1", "amqp://u:secret@@h",
        "amqp://u:secret%00@h", "amqp://u:secret%ff@h", "amqp://u:secret@[::1", "amqp://u:secret@h h",
        "amqp://u:secret",
    ])
    func wrongAddressesAreRefusedWithoutTheirPassword(_ text: String) {
        do throws(BrokerAddress.Malformed) {
            Issue.record("\(try BrokerAddress(parsing: text))")
        } catch {
            #expect(!error.message.contains("secr") && !error.suggestion.contains("secr"), "\(error)")
        }
        let result = load("\"address\": \"\(text)\"")
        #expect(result.configuration == nil && result.errors.contains { $0.key == "amqp.address" })
        #expect(!result.diagnostics.contains { "\($0)".contains("secr") }, "\(result.diagnostics)")
    }
}
