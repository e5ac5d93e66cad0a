import EventLoop

/// A listening socket whose connections a test serves by hand, byte by byte if it likes.
public final class SocketListener {
    public let port: UInt16
    private let listener: StreamListener

    /// Listens on a port of the loopback, a free one unless it is given.
    /// - Parameters:
    ///   - host: one of the loopback's many addresses.
    ///   - backlog: how many connections wait for ``accept(on:)``, less one; SYNs beyond that are dropped.
    public init(
        host: String = "127.0.0.1", port: UInt16 = 0, backlog: CInt = 4096, on loop: isolated EventLoop
    ) throws {
        listener = try StreamListener(SocketAddress(host: host, port: port), backlog: backlog, on: loop)
        self.port = listener.address.port ?? 0
    }

    /// Listens on a Unix socket, a file that the test removes.
    public init(path: String, on loop: isolated EventLoop) throws {
        listener = try StreamListener(SocketAddress(path: path), on: loop)
        port = 0
    }

    /// The next connection.
    public func accept(on loop: isolated EventLoop) async throws -> SocketEnd {
        SocketEnd(try await listener.accept(on: loop))
    }

    public func close() { listener.close() }

    /// A connection that is there already.
    public func acceptNow() -> SocketEnd? { (try? listener.tryAccept()).map(SocketEnd.init) }

    /// What serves a connection by hand.
    public typealias Script = @Sendable (SocketEnd, isolated EventLoop) async throws -> Void

    /// Serves each connection by a script while `body` runs, and ends them all with it.
    public func serving<Value: Sendable>(
        by script: @escaping Script, on loop: isolated EventLoop, _ body: () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addImmediateTask {
                await withTaskGroup(of: Void.self) { connections in
                    while let connection = try? await self.accept(on: loop) {
                        connections.addImmediateTask {
                            try? await script(connection, loop)
                            connection.close()
                        }
                    }
                }
            }
            defer { group.cancelAll() }
            return try await body()
        }
    }
}
