// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import CRabbitMQ
import Glibc
import NIOCore

/// A connection to a broker by librabbitmq. Used by one thread only.
///
/// librabbitmq's socket does not block, but its calls do: each waits for the broker to take all that is written. Nothing
/// bounds that in version 0.11: `amqp_set_rpc_timeout` is for the answer alone, SO_SNDTIMEO does nothing on this socket,
/// and when the heartbeat's time is over in the middle of a write, `amqp_try_recv` goes on to wait without any end. So
/// the event loop watches the thread, and shuts the socket.
final class BrokerConnection {
    static let channel: amqp_channel_t = 1

    private let settings: AMQPSettings
    private let link: ConsumerLink
    private let state: amqp_connection_state_t
    private let deadline: NIODeadline

    /// nil: no memory.
    init?(_ settings: AMQPSettings, _ link: ConsumerLink) {
        guard let state = amqp_new_connection() else { return nil }
        self.settings = settings
        self.link = link
        self.state = state
        deadline = .now() + settings.connectTimeout
    }

    /// Closes the socket, if `close` has not, and frees the memory. Nothing may be called any more.
    func destroy() { amqp_destroy_connection(state) }

    var socket: Int32 { amqp_get_sockfd(state) }

    /// What the two sides have agreed on.
    var heartbeatSeconds: Int { max(1, Int(amqp_get_heartbeat(state))) }

    // MARK: - Opening

    func open() throws(AMQPCloseReason) {
        try connect()
        try logIn()
        do throws(AMQPCloseReason) {
            try openChannel()
            try consume()
        } catch {
            // The broker complains of a connection that just ends. A broken one is found to be so at once.
            close()
            throw error
        }
    }

    private var place: String { "\(settings.address.host):\(settings.address.port)" }

    /// What is left of the time for connecting.
    private func timeLeft() throws(AMQPCloseReason) -> timeval {
        if link.isClosing { throw .asked }
        return Self.interval(max(deadline - .now(), .milliseconds(1)))
    }

    private static func interval(_ time: TimeAmount) -> timeval {
        let microseconds = time.nanoseconds / 1000
        return timeval(tv_sec: Int(microseconds / 1_000_000), tv_usec: Int(microseconds % 1_000_000))
    }

    private func connect() throws(AMQPCloseReason) {
        let socket: OpaquePointer
        switch settings.address.security {
        case .plain:
            guard let plain = amqp_tcp_socket_new(state) else { throw .cannotConnect("no memory is left for a socket") }
            socket = plain
        case .tls:
            guard let secure = amqp_ssl_socket_new(state) else { throw .cannotConnect("OpenSSL cannot be used") }
            socket = secure
            try setUp(secure)
        }
        var time = try timeLeft()
        let status = amqp_socket_open_noblock(socket, settings.address.host, Int32(settings.address.port), &time)
        guard status == AMQP_STATUS_OK.rawValue else { throw .cannotConnect(whyNotConnected(status)) }
        guard link.adopt(amqp_get_sockfd(state)) else {
            throw .cannotConnect("no file descriptor is left: \(String(cString: strerror(errno)))")
        }
    }

    private func setUp(_ socket: OpaquePointer) throws(AMQPCloseReason) {
        let tls = settings.tls
        crabbitmq_refuse_passphrase(socket)
        amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST)
        amqp_ssl_socket_set_verify_peer(socket, tls.peerVerification == .required ? 1 : 0)
        amqp_ssl_socket_set_verify_hostname(socket, tls.hostNameVerification == .required ? 1 : 0)
        if tls.peerVerification == .required {
            let file = tls.rootsFile ?? AMQPSettings.TLS.systemRoots
            guard amqp_ssl_socket_set_cacert(socket, file) == AMQP_STATUS_OK.rawValue else {
                throw .cannotConnect("\(file) cannot be read, or holds no root certificate in PEM form")
            }
        }
        if let identity = tls.identity {
            let status = amqp_ssl_socket_set_key(socket, identity.certificateFile, identity.keyFile)
            guard status == AMQP_STATUS_OK.rawValue else {
                throw .cannotConnect(
                    "\(identity.certificateFile) and \(identity.keyFile) cannot be read, are not in PEM form, do not "
                        + "belong together, or the key needs a passphrase")
            }
        }
    }

    private func whyNotConnected(_ status: Int32) -> String {
        let host = settings.address.host
        switch amqp_status_enum(status) {
        case AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED:
            return "no address was found for the name \(host): check the broker's address and the name service"
        case AMQP_STATUS_TIMEOUT:
            return "\(place) did not answer in time: check that the broker's host runs and what filters lie between"
        case AMQP_STATUS_SSL_PEER_VERIFY_FAILED:
            return "the certificate of \(place) does not descend from the roots in "
                + "\(settings.tls.rootsFile ?? AMQPSettings.TLS.systemRoots), or its time is over"
        case AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED:
            return
                "the certificate of \(place) is for another host than \(host): the address must have a name that is in "
                + "the certificate, and not an IP address"
        case AMQP_STATUS_SSL_CONNECTION_FAILED, AMQP_STATUS_SSL_ERROR:
            return "no TLS connection with \(place): check that this is the broker's port for TLS (most often 5671)"
        case AMQP_STATUS_SOCKET_ERROR:
            // librabbitmq does not keep the system's reason.
            return "the connection to \(place) was refused, or there is no way to it: check that the broker runs and "
                + "listens there, and the network"
        default: return "no connection to \(place): \(BrokerReply.text(status))"
        }
    }

    private func logIn() throws(AMQPCloseReason) {
        let address = settings.address
        var time = try timeLeft()
        amqp_set_handshake_timeout(state, &time)
        let reply = BrokerReply(
            crabbitmq_login(
                state, address.virtualHost, Int32(settings.heartbeatSeconds), address.user, address.password,
                settings.connectionName))
        switch reply {
        case .normal: break
        case .connectionClosed(403, _):
            throw .cannotConnect(
                "the broker refused the login: \(reply); check the password of user \(address.user), and that the user "
                    + "may come from this host (guest may from the broker's own only)")
        case .connectionClosed(530, _):
            throw .cannotConnect(
                "the broker refused the virtual host \(address.virtualHost): \(reply); check that it exists, and that the "
                    + "user \(address.user) has permissions there")
        case .channelClosed, .connectionClosed:
            throw .cannotConnect("the broker ended the login: \(reply)")
        case .failed(let status):
            throw .cannotConnect(whyNotLoggedIn(status))
        }
    }

    private func whyNotLoggedIn(_ status: Int32) -> String {
        switch amqp_status_enum(status) {
        case AMQP_STATUS_TIMEOUT, AMQP_STATUS_HEARTBEAT_TIMEOUT:
            "\(place) took the connection and did not answer in time: check that a broker listens there, and that it is "
                + "not overloaded"
        case AMQP_STATUS_CONNECTION_CLOSED, AMQP_STATUS_SOCKET_ERROR, AMQP_STATUS_SOCKET_CLOSED:
            "\(place) took the connection and closed it during the login: check that this is the broker's port for "
                + "connections \(settings.address.security == .tls ? "with" : "without") TLS"
        case AMQP_STATUS_SSL_ERROR:
            "\(place) ended the TLS connection during the login: check whether it wants a certificate from this side"
        case AMQP_STATUS_BROKER_UNSUPPORTED_SASL_METHOD:
            "the broker does not allow to log in by user and password (the mechanism PLAIN)"
        default:
            "what listens at \(place) does not speak AMQP 0-9-1: \(BrokerReply.text(status)); check the port"
        }
    }

    private func openChannel() throws(AMQPCloseReason) {
        try expect("open a channel") { amqp_channel_open(state, Self.channel) }
        try expect("confirm what is published") { amqp_confirm_select(state, Self.channel) }
        // Passive: it is not created when it does not exist.
        try expect("look for queue \(settings.queue)") {
            withBytes(settings.queue) { amqp_queue_declare(state, Self.channel, $0, 1, 0, 0, 0, amqp_empty_table) }
        }
    }

    private func consume() throws(AMQPCloseReason) {
        try expect("set the prefetch") {
            amqp_basic_qos(state, Self.channel, 0, UInt16(settings.prefetch), 0)
        }
        // Exclusive: the broker lets nobody else consume the queue until this connection's messages are back in it.
        try expect("consume queue \(settings.queue)") {
            withBytes(settings.queue) {
                amqp_basic_consume(state, Self.channel, $0, amqp_empty_bytes, 0, 0, 1, amqp_empty_table)
            }
        }
    }

    /// One call and its answer.
    private func expect<Answer>(_ task: String, _ call: () -> Answer) throws(AMQPCloseReason) {
        var time = try timeLeft()
        amqp_set_rpc_timeout(state, &time)
        _ = call()
        let reply = BrokerReply(amqp_get_rpc_reply(state))
        switch reply {
        case .normal: break
        case .channelClosed(404, _):
            throw .queueMissing(
                "there is no queue \(settings.queue) in the virtual host \(settings.address.virtualHost): \(reply); it must "
                    + "be declared by whoever sends to it, or by the operator")
        case .channelClosed(403, let text) where text.contains("exclusive"):
            throw .queueBusy("another consumer has queue \(settings.queue): \(reply)")
        case .channelClosed(403, _):
            throw .cannotConnect(
                "the broker does not allow user \(settings.address.user) to \(task): \(reply); check the permissions")
        case .channelClosed, .connectionClosed:
            throw .cannotConnect("the broker refused to \(task): \(reply)")
        case .failed(AMQP_STATUS_TIMEOUT.rawValue):
            throw .cannotConnect("\(place) took the login and then did not answer in time, when asked to \(task)")
        case .failed:
            throw .cannotConnect("the connection to \(place) broke when the broker was asked to \(task): \(reply)")
        }
    }

    // MARK: - When it is open

    /// What has come from the broker. nil: no whole frame is there. Sends a heartbeat when one is due. Valid until the
    /// next call.
    func nextFrame() throws(AMQPCloseReason) -> amqp_frame_t? {
        var frame = amqp_frame_t()
        var zero = timeval()
        let status = amqp_simple_wait_frame_noblock(state, &frame, &zero)
        if status == AMQP_STATUS_TIMEOUT.rawValue { return nil }
        try check(status)
        return frame
    }

    /// Frees the memory of frames of the channel, which `frame` was the last of.
    func forget(_ frame: amqp_frame_t) { amqp_maybe_release_buffers_on_channel(state, frame.channel) }

    func acknowledge(_ tag: UInt64) throws(AMQPCloseReason) { try check(amqp_basic_ack(state, Self.channel, tag, 0)) }

    func reject(_ tag: UInt64) throws(AMQPCloseReason) { try check(amqp_basic_reject(state, Self.channel, tag, 0)) }

    func publish(_ publication: ConsumerLink.Publication) throws(AMQPCloseReason) {
        let texts = CopiedTexts()
        var properties = amqp_basic_properties_t()
        properties._flags = amqp_flags_t(
            AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG)
        // A durable queue keeps it over the broker's restart.
        properties.delivery_mode = UInt8(AMQP_DELIVERY_PERSISTENT.rawValue)
        properties.content_type = texts.copy(publication.contentType)
        if let correlationID = publication.correlationID {
            properties._flags |= amqp_flags_t(AMQP_BASIC_CORRELATION_ID_FLAG)
            properties.correlation_id = texts.copy(correlationID)
        }
        var entries = publication.headers.map { key, value in
            var entry = amqp_table_entry_t()
            entry.key = texts.copy(key)
            entry.value.kind = UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
            entry.value.value.bytes = texts.copy(value)
            return entry
        }
        let status = entries.withUnsafeMutableBufferPointer { entries in
            properties.headers = amqp_table_t(num_entries: Int32(entries.count), entries: entries.baseAddress)
            return publication.body.withUnsafeBytes { body in
                // Not changed by librabbitmq.
                let bytes = amqp_bytes_t(len: body.count, bytes: UnsafeMutableRawPointer(mutating: body.baseAddress))
                return amqp_basic_publish(
                    state, Self.channel, amqp_empty_bytes, texts.copy(publication.queue), 0, 0, &properties, bytes)
            }
        }
        withExtendedLifetime(texts) {}
        try check(status)
    }

    /// Says that this side agrees with the broker's `connection.close`; whether it is heard does not matter.
    func agreeToClose() {
        var answer = amqp_connection_close_ok_t()
        amqp_send_method(state, 0, crabbitmq_connection_close_ok, &answer)
    }

    /// Closes the connection and waits a little for the broker's consent, by which time all that was not acknowledged is
    /// back in the queue. The event loop shuts the socket if the broker does not even read.
    func close() {
        guard socket >= 0 else { return }
        var time = Self.interval(AMQPConsumer.closeTimeout)
        amqp_set_rpc_timeout(state, &time)
        _ = amqp_connection_close(state, AMQP_REPLY_SUCCESS)
    }

    private func check(_ status: Int32) throws(AMQPCloseReason) {
        switch amqp_status_enum(status) {
        case AMQP_STATUS_OK: break
        case AMQP_STATUS_HEARTBEAT_TIMEOUT:
            throw .lost(
                "the broker at \(place) was silent for \(2 * heartbeatSeconds) s (its heartbeats are missing): check that "
                    + "it runs, and the network")
        case AMQP_STATUS_CONNECTION_CLOSED, AMQP_STATUS_SOCKET_ERROR, AMQP_STATUS_SOCKET_CLOSED, AMQP_STATUS_SSL_ERROR:
            throw .lost(
                "the connection to the broker at \(place) broke (\(BrokerReply.text(status))): check that the broker runs, "
                    + "its log, and the network")
        default: throw .lost("the connection to the broker at \(place) failed: \(BrokerReply.text(status))")
        }
    }

    private func withBytes<Result>(_ text: String, _ body: (amqp_bytes_t) -> Result) -> Result {
        var text = text
        return text.withUTF8 {
            // Not changed by librabbitmq.
            body(amqp_bytes_t(len: $0.count, bytes: UnsafeMutableRawPointer(mutating: $0.baseAddress)))
        }
    }
}

/// Texts that C reads, until this is gone.
private final class CopiedTexts {
    private var copies: [UnsafeMutableRawBufferPointer] = []

    func copy(_ text: String) -> amqp_bytes_t {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, text.utf8.count), alignment: 1)
        copy.copyBytes(from: text.utf8)
        copies.append(copy)
        return amqp_bytes_t(len: text.utf8.count, bytes: copy.baseAddress)
    }

    deinit { for copy in copies { copy.deallocate() } }
}
