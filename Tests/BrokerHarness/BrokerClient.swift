// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import CRabbitMQ
import Foundation

/// A message as a test's publisher and reader see it.
struct BrokerMessage: Hashable, Sendable {
    var body: [UInt8]
    var replyTo: String?
    var correlationID: [UInt8]?
    var headers: [String: String] = [:]
    var contentType: String?

    init(_ text: String) { body = Array(text.utf8) }
    init(body: [UInt8]) { self.body = body }

    var text: String { String(decoding: body, as: UTF8.self) }
}

/// A connection that blocks, of one thread, for what tests do to a broker.
final class BrokerClient {
    private let state: amqp_connection_state_t
    private let channel: amqp_channel_t = 1
    private var kept: [UnsafeMutableRawBufferPointer] = []

    init(port: Int) throws {
        guard let state = amqp_new_connection() else { throw BrokerError("no memory") }
        self.state = state
        var bound = timeval(tv_sec: 60, tv_usec: 0)
        amqp_set_handshake_timeout(state, &bound)
        amqp_set_rpc_timeout(state, &bound)
        let status = amqp_socket_open_noblock(amqp_tcp_socket_new(state), "127.0.0.1", Int32(port), &bound)
        guard status == 0 else { throw BrokerError("port \(port): \(String(cString: amqp_error_string2(status)))") }
        try check(crabbitmq_login(state, "/", 0, "guest", "guest", "a test"), "log in")
        amqp_channel_open(state, channel)
        try check("open a channel")
    }

    deinit {
        _ = amqp_connection_close(state, AMQP_REPLY_SUCCESS)
        amqp_destroy_connection(state)
        for copy in kept { copy.deallocate() }
    }

    private func check(_ task: String) throws { try check(amqp_get_rpc_reply(state), task) }

    private func check(_ reply: amqp_rpc_reply_t, _ task: String) throws {
        guard reply.reply_type != AMQP_RESPONSE_NORMAL else { return }
        throw BrokerError(
            "cannot \(task): \(String(cString: amqp_error_string2(reply.library_error))), method \(reply.reply.id)")
    }

    private func bytes(_ text: some Sequence<UInt8>) -> amqp_bytes_t {
        let text = Array(text)
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, text.count), alignment: 1)
        copy.copyBytes(from: text)
        kept.append(copy)
        return amqp_bytes_t(len: text.count, bytes: copy.baseAddress)
    }

    private func forget() {
        for copy in kept { copy.deallocate() }
        kept = []
        amqp_maybe_release_buffers(state)
    }

    /// A durable one. An exclusive one is this connection's alone.
    func declare(_ queue: String, isExclusive: Bool = false) throws {
        amqp_queue_declare(state, channel, bytes(queue.utf8), 0, 1, isExclusive ? 1 : 0, 0, amqp_empty_table)
        try check("declare \(queue)")
    }

    func delete(_ queue: String) throws {
        amqp_queue_delete(state, channel, bytes(queue.utf8), 0, 0)
        try check("delete \(queue)")
    }

    func depth(_ queue: String) throws -> Int {
        let answer = amqp_queue_declare(state, channel, bytes(queue.utf8), 1, 0, 0, 0, amqp_empty_table)
        try check("look for \(queue)")
        return Int(answer?.pointee.message_count ?? 0)
    }

    func publish(_ messages: [BrokerMessage], to queue: String) throws {
        amqp_confirm_select(state, channel)
        try check("ask for confirms")
        // No more unconfirmed than fit into the buffers on the way back.
        for start in stride(from: 0, to: messages.count, by: 500) {
            let some = messages[start..<min(start + 500, messages.count)]
            for message in some { try publish(message, to: queue) }
            try awaitConfirms(through: UInt64(start + some.count))
        }
    }

    private func publish(_ message: BrokerMessage, to queue: String) throws {
        defer { forget() }
        var properties = amqp_basic_properties_t()
        properties._flags = amqp_flags_t(AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG)
        properties.delivery_mode = 2
        if let replyTo = message.replyTo {
            properties._flags |= amqp_flags_t(AMQP_BASIC_REPLY_TO_FLAG)
            properties.reply_to = bytes(replyTo.utf8)
        }
        if let correlationID = message.correlationID {
            properties._flags |= amqp_flags_t(AMQP_BASIC_CORRELATION_ID_FLAG)
            properties.correlation_id = bytes(correlationID)
        }
        var entries = message.headers.map { key, value in
            var entry = amqp_table_entry_t()
            entry.key = bytes(key.utf8)
            entry.value.kind = UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
            entry.value.value.bytes = bytes(value.utf8)
            return entry
        }
        // One that is no text.
        entries.append(crabbitmq_yes("a-boolean"))
        let status = entries.withUnsafeMutableBufferPointer { entries in
            properties.headers = amqp_table_t(num_entries: Int32(entries.count), entries: entries.baseAddress)
            return amqp_basic_publish(
                state, channel, amqp_empty_bytes, bytes(queue.utf8), 0, 0, &properties, bytes(message.body))
        }
        guard status == 0 else { throw BrokerError("cannot publish: \(String(cString: amqp_error_string2(status)))") }
    }

    private func awaitConfirms(through last: UInt64) throws {
        var confirmed: UInt64 = 0
        while confirmed < last {
            var frame = amqp_frame_t()
            var bound = timeval(tv_sec: 60, tv_usec: 0)
            let status = amqp_simple_wait_frame_noblock(state, &frame, &bound)
            guard status == 0, Int32(frame.frame_type) == AMQP_FRAME_METHOD,
                frame.payload.method.id == crabbitmq_basic_ack, let decoded = frame.payload.method.decoded
            else { throw BrokerError("no confirm came: \(String(cString: amqp_error_string2(status)))") }
            let ack = decoded.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee
            // In order for a durable queue and persistent messages, or else for several at once; the last one counts.
            confirmed = max(confirmed, ack.delivery_tag)
            amqp_maybe_release_buffers(state)
        }
    }

    /// They are in the queue until all have been read: if the broker dies in between, none is lost.
    func take(_ limit: Int, from queue: String) throws -> [BrokerMessage] {
        var messages: [BrokerMessage] = []
        var last: UInt64 = 0
        while messages.count < limit {
            defer { forget() }
            let reply = amqp_basic_get(state, channel, bytes(queue.utf8), 0)
            try check(reply, "get from \(queue)")
            if reply.reply.id == crabbitmq_basic_get_empty { break }
            if let decoded = reply.reply.decoded {
                last = decoded.assumingMemoryBound(to: amqp_basic_get_ok_t.self).pointee.delivery_tag
            }
            var message = amqp_message_t()
            try check(amqp_read_message(state, channel, &message, 0), "read from \(queue)")
            defer { amqp_destroy_message(&message) }
            messages.append(Self.message(message))
        }
        // Should it not arrive they come again.
        if last > 0 { amqp_basic_ack(state, channel, last, 1) }
        return messages
    }

    private static func message(_ message: amqp_message_t) -> BrokerMessage {
        func array(_ bytes: amqp_bytes_t) -> [UInt8] {
            Array(UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len))
        }
        func text(_ bytes: amqp_bytes_t) -> String { String(decoding: array(bytes), as: UTF8.self) }
        let properties = message.properties
        func has(_ flag: Int32) -> Bool { properties._flags & amqp_flags_t(flag) != 0 }
        var result = BrokerMessage(body: array(message.body))
        if has(AMQP_BASIC_REPLY_TO_FLAG) { result.replyTo = text(properties.reply_to) }
        if has(AMQP_BASIC_CORRELATION_ID_FLAG) { result.correlationID = array(properties.correlation_id) }
        if has(AMQP_BASIC_CONTENT_TYPE_FLAG) { result.contentType = text(properties.content_type) }
        if has(AMQP_BASIC_HEADERS_FLAG) {
            for index in 0..<Int(properties.headers.num_entries) {
                let entry = properties.headers.entries[index]
                guard entry.value.kind == UInt8(AMQP_FIELD_KIND_UTF8.rawValue) else { continue }
                result.headers[text(entry.key)] = text(entry.value.value.bytes)
            }
        }
        return result
    }
}
