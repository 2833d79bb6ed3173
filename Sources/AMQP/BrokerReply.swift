// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import CRabbitMQ

/// How a call to the broker went.
enum BrokerReply: CustomStringConvertible {
    case normal
    /// The broker closed the channel (AMQP 0-9-1, section 1.2: 403 ACCESS_REFUSED, 404 NOT_FOUND, ...).
    case channelClosed(code: UInt16, text: String)
    case connectionClosed(code: UInt16, text: String)
    /// librabbitmq's code.
    case failed(Int32)

    init(_ reply: amqp_rpc_reply_t) {
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL: self = .normal
        case AMQP_RESPONSE_SERVER_EXCEPTION: self.init(closing: reply.reply)
        case AMQP_RESPONSE_LIBRARY_EXCEPTION: self = .failed(reply.library_error)
        default: self = .failed(AMQP_STATUS_UNEXPECTED_STATE.rawValue)
        }
    }

    /// A method that must be `channel.close` or `connection.close`.
    init(closing method: amqp_method_t) {
        func text(_ bytes: amqp_bytes_t) -> String {
            String(decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
        }
        switch (method.id, method.decoded) {
        case (crabbitmq_channel_close, let decoded?):
            let close = decoded.assumingMemoryBound(to: amqp_channel_close_t.self).pointee
            self = .channelClosed(code: close.reply_code, text: text(close.reply_text))
        case (crabbitmq_connection_close, let decoded?):
            let close = decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
            self = .connectionClosed(code: close.reply_code, text: text(close.reply_text))
        default: self = .failed(AMQP_STATUS_WRONG_METHOD.rawValue)
        }
    }

    var description: String {
        switch self {
        case .normal: "no error"
        case .channelClosed(let code, let text), .connectionClosed(let code, let text): "\(code) \(text)"
        case .failed(let status): Self.text(status)
        }
    }

    static func text(_ status: Int32) -> String { String(cString: amqp_error_string2(status)) }
}
