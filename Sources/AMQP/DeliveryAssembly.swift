// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import CRabbitMQ

/// Puts deliveries together from the frames of one channel: a method, a header, and as many frames of body as it takes
/// (AMQP 0-9-1, section 4.2.6).
struct DeliveryAssembly {
    private enum Expected {
        case method
        case header(tag: UInt64, isRedelivered: Bool)
        case body
    }

    private struct Unfinished {
        let tag: UInt64
        let isRedelivered: Bool
        let isTooLarge: Bool
        let properties: Properties
        var left: UInt64
        var body: [UInt8] = []

        mutating func append(_ fragment: amqp_bytes_t) {
            left -= UInt64(fragment.len)
            guard !isTooLarge else { return }
            body.append(contentsOf: UnsafeRawBufferPointer(start: fragment.bytes, count: fragment.len))
        }

        var delivery: AMQPDelivery {
            AMQPDelivery(
                tag: tag, body: body, isTooLarge: isTooLarge, isRedelivered: isRedelivered, replyTo: properties.replyTo,
                correlationID: properties.correlationID, headers: properties.headers)
        }
    }

    private struct Properties {
        var replyTo: String?
        var correlationID: String?
        var headers: [String: String] = [:]
    }

    private var expected = Expected.method
    private var unfinished: Unfinished?

    /// The delivery that the frame completes. Keeps nothing of the frame's memory.
    mutating func take(_ frame: amqp_frame_t) throws(AMQPCloseReason) -> AMQPDelivery? {
        switch (expected, Int32(frame.frame_type)) {
        case (.method, AMQP_FRAME_METHOD):
            guard frame.payload.method.id == crabbitmq_basic_deliver, let decoded = frame.payload.method.decoded else {
                return nil
            }
            let deliver = decoded.assumingMemoryBound(to: amqp_basic_deliver_t.self).pointee
            expected = .header(tag: deliver.delivery_tag, isRedelivered: deliver.redelivered != 0)
            return nil
        case (.header(let tag, let isRedelivered), AMQP_FRAME_HEADER):
            let size = frame.payload.properties.body_size
            var unfinished = Unfinished(
                tag: tag, isRedelivered: isRedelivered, isTooLarge: size > UInt64(AMQPConsumer.maxBodyBytes),
                properties: Self.properties(frame), left: size)
            if !unfinished.isTooLarge { unfinished.body.reserveCapacity(Int(size)) }
            self.unfinished = unfinished
            return finished()
        case (.body, AMQP_FRAME_BODY):
            let fragment = frame.payload.body_fragment
            guard let left = unfinished?.left, fragment.len <= left else {
                throw .lost("the broker sent a longer body than it had announced")
            }
            unfinished?.append(fragment)
            return finished()
        default:
            throw .lost("the broker sent a frame of type \(frame.frame_type) where another was due")
        }
    }

    private mutating func finished() -> AMQPDelivery? {
        guard unfinished?.left == 0 else {
            expected = .body
            return nil
        }
        expected = .method
        defer { unfinished = nil }
        return unfinished?.delivery
    }

    private static func properties(_ frame: amqp_frame_t) -> Properties {
        var result = Properties()
        guard let decoded = frame.payload.properties.decoded else { return result }
        let properties = decoded.assumingMemoryBound(to: amqp_basic_properties_t.self).pointee
        func has(_ flag: Int32) -> Bool { properties._flags & amqp_flags_t(flag) != 0 }
        if has(AMQP_BASIC_REPLY_TO_FLAG) { result.replyTo = text(properties.reply_to) }
        if has(AMQP_BASIC_CORRELATION_ID_FLAG) { result.correlationID = text(properties.correlation_id) }
        if has(AMQP_BASIC_HEADERS_FLAG) {
            for entry in UnsafeBufferPointer(
                start: properties.headers.entries, count: Int(properties.headers.num_entries))
            where entry.value.kind == UInt8(AMQP_FIELD_KIND_UTF8.rawValue) {
                guard let key = text(entry.key), let value = text(entry.value.value.bytes) else { continue }
                result.headers[key] = value
            }
        }
        return result
    }

    private static func text(_ bytes: amqp_bytes_t) -> String? {
        String(validating: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
    }
}
