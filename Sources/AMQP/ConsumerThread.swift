// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import CRabbitMQ
import Glibc
import Logging
import NIOCore

/// A session's thread: connects, and from then on serves the broker's socket and the calls of the event loop in turn.
struct ConsumerThread: Sendable {
    let settings: AMQPSettings
    let link: ConsumerLink
    let logger: Logger
    /// The last report is one `.closed`.
    let report: @Sendable ([AMQPEvent]) -> Void

    /// Frames read before the calls get their turn.
    private static let maxFramesAtOnce = 256

    /// Starts it; the reason if that cannot be.
    func start() -> String? {
        guard link.wakeDescriptor >= 0 else { return String(cString: strerror(errno)) }
        final class Box {
            let thread: ConsumerThread
            init(_ thread: ConsumerThread) { self.thread = thread }
        }
        let argument = Unmanaged.passRetained(Box(self))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().thread.run()
                return nil
            }, argument.toOpaque())
        guard code == 0 else {
            argument.release()
            return String(cString: strerror(code))
        }
        pthread_detach(thread)
        return nil
    }

    private func run() {
        crabbitmq_name_thread("prodha-amqp")
        let reason = session()
        link.release()
        report([.closed(reason)])
    }

    private func session() -> AMQPCloseReason {
        guard let connection = BrokerConnection(settings, link) else {
            return .cannotConnect("no memory is left for a connection to \(settings.address)")
        }
        defer { connection.destroy() }
        do throws(AMQPCloseReason) {
            try connection.open()
            report([.opened])
            try serve(connection)
            connection.close()
            return .asked
        } catch {
            return link.isClosing ? .asked : error
        }
    }

    /// Returns when closing is asked for, after all calls made before, and once no acknowledgement waits for the broker.
    /// The event loop bounds that: it shuts the socket when closing takes too long.
    private func serve(_ connection: BrokerConnection) throws(AMQPCloseReason) {
        var assembly = DeliveryAssembly()
        var acknowledgements = HeldAcknowledgements()
        var isClosing = false
        while true {
            // librabbitmq has read more than one frame from the socket: all of them, before the socket is looked at again.
            // And before anything is written: after long silence that would block without a bound.
            var frames = 0
            var deliveries: [AMQPEvent] = []
            while frames < Self.maxFramesAtOnce {
                link.noteBusy()
                guard let frame = try connection.nextFrame() else { break }
                frames += 1
                if let delivery = try take(frame, connection, &assembly, &acknowledgements) {
                    deliveries.append(.delivered(delivery))
                }
                connection.forget(frame)
            }
            if !deliveries.isEmpty { report(deliveries) }
            for call in link.takeCalls() {
                link.noteBusy()
                switch call {
                case .acknowledge(let tag): acknowledgements.hold(tag)
                case .reject(let tag): try connection.reject(tag)
                case .publish(let publication):
                    try connection.publish(publication)
                    acknowledgements.notePublication()
                case .close: isClosing = true
                }
            }
            for tag in acknowledgements.release() {
                link.noteBusy()
                try connection.acknowledge(tag)
            }
            if isClosing, acknowledgements.isEmpty { return }
            if frames < Self.maxFramesAtOnce {
                link.noteIdle()
                waitForSomething(connection)
            }
        }
    }

    private func take(
        _ frame: amqp_frame_t, _ connection: BrokerConnection, _ assembly: inout DeliveryAssembly,
        _ acknowledgements: inout HeldAcknowledgements
    ) throws(AMQPCloseReason) -> AMQPDelivery? {
        let isMethod = Int32(frame.frame_type) == AMQP_FRAME_METHOD
        switch frame.channel {
        case BrokerConnection.channel where isMethod && frame.payload.method.id == crabbitmq_basic_cancel:
            throw .lost(
                "the broker ended the consumption of queue \(settings.queue): it was deleted, or its node is gone")
        case BrokerConnection.channel where isMethod && frame.payload.method.id == crabbitmq_basic_ack:
            guard let decoded = frame.payload.method.decoded else { break }
            let confirm = decoded.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee
            acknowledgements.confirm(confirm.delivery_tag, isMultiple: confirm.multiple != 0)
        case BrokerConnection.channel where isMethod && frame.payload.method.id == crabbitmq_basic_nack:
            throw .lost("the broker could not keep a reply; its log says why")
        case BrokerConnection.channel where isMethod && frame.payload.method.id == crabbitmq_channel_close:
            throw .lost("the broker closed the channel: \(BrokerReply(closing: frame.payload.method))")
        case BrokerConnection.channel:
            return try assembly.take(frame)
        case 0 where isMethod && frame.payload.method.id == crabbitmq_connection_close:
            let reason = BrokerReply(closing: frame.payload.method)
            connection.agreeToClose()
            throw .lost("the broker closed the connection: \(reason)")
        case 0 where isMethod && frame.payload.method.id == crabbitmq_connection_blocked:
            logger.warning(
                "the broker takes no more publications, nor acknowledgements: its memory or disk are short",
                metadata: ["broker": "\(settings.address)"])
        case 0 where isMethod && frame.payload.method.id == crabbitmq_connection_unblocked:
            logger.notice("the broker takes publications again", metadata: ["broker": "\(settings.address)"])
        default: break
        }
        return nil
    }

    /// Until there is something to read, a call, or it is time to see after the heartbeats.
    private func waitForSomething(_ connection: BrokerConnection) {
        var descriptors = [
            pollfd(fd: connection.socket, events: Int16(POLLIN), revents: 0),
            pollfd(fd: link.wakeDescriptor, events: Int16(POLLIN), revents: 0),
        ]
        // When it fails, which a signal can cause, there is nothing to do but to look.
        poll(&descriptors, 2, Int32(connection.heartbeatSeconds * 250))
    }
}
