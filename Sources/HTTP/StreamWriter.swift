// Copyright (C) 2026 the prodha authors. GPL-3.0-or-later; see LICENSE.
import NIOCore

/// The open end of a streaming answer, such as Server-Sent Events. Confined to the server's loop.
public final class StreamWriter {
    /// Completes when nothing can be sent any more, whoever ended it.
    public let closed: EventLoopFuture<Void>
    /// Bytes that were sent and that the client's socket has not taken yet.
    public private(set) var waitingBytes = 0

    private let closedPromise: EventLoopPromise<Void>
    private let maxWaitingBytes: Int
    private weak var connection: ServerConnection?

    init(connection: ServerConnection, eventLoop: any EventLoop, maxWaitingBytes: Int) {
        self.connection = connection
        self.maxWaitingBytes = maxWaitingBytes
        closedPromise = eventLoop.makePromise()
        closed = closedPromise.futureResult
    }

    /// Sends bytes. False: the stream is over and these bytes were dropped.
    ///
    /// A client too slow for its bound loses the connection rather than bytes from the middle, so it knows where it
    /// has to resume.
    @discardableResult
    public func send(_ bytes: ByteBuffer) -> Bool {
        guard let connection else { return false }
        let count = bytes.readableBytes
        guard waitingBytes + count <= maxWaitingBytes else {
            connection.abandonStream(waitingBytes: waitingBytes)
            return false
        }
        waitingBytes += count
        connection.writeToStream(bytes) { [weak self] in self?.waitingBytes -= count }
        return true
    }

    @discardableResult
    public func send(_ text: String) -> Bool { send(ByteBuffer(string: text)) }

    /// Ends the answer after what was sent. More than once is well.
    public func close() { connection?.endStream() }

    /// The connection's last word.
    func connectionIsGone() {
        guard connection != nil else { return }
        connection = nil
        closedPromise.succeed(())
    }

    deinit { closedPromise.succeed(()) }
}

@available(*, unavailable)
extension StreamWriter: Sendable {}
