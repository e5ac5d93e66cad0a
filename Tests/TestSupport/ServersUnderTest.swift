import EventLoop
public import HTTPServer
public import HTTPTypes
import LoopTestSupport
import Synchronization

/// Servers of one group on several loops, with clients on the first.
public enum ServersUnderTest {
    /// A handler that knows on which loop it runs.
    public typealias Handler =
        @Sendable (_ loop: Int, Request, isolated EventLoop) async throws -> Response

    /// Serves on `count` loops while `body` runs on the first of them; what is still under way behind it is cancelled.
    public static func run(
        on count: Int, _ options: ServerOptions = ServerOptions(),
        handler: @escaping Handler = { index, _, _ in Response(.ok, text: "\(index)") },
        _ body: @escaping @Sendable (ServerGroup, _ port: UInt16, isolated EventLoop) async throws -> Void
    ) throws {
        let listener = try Listener("127.0.0.1:0")
        let group = ServerGroup(listener, options: options)
        let (begun, stop) = (Latch(), Latch())
        let loops = Atomic<Int>(0)
        try EventLoop.runGroup(count: count) { loop, index in
            let scripted = ScriptedHandler { request, loop in try await handler(index, request, loop) }
            let server = Server(group, handler: scripted, on: loop)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addImmediateTask { await server.run(drain: stop, abort: stop, on: loop) }
                // It may be handed connections once it waits for some.
                await loop.settle()
                if loops.add(1, ordering: .relaxed).newValue == count { begun.open() }
                guard index == 0 else { return try await tasks.waitForAll() }
                defer { stop.open() }
                await begun.wait(on: loop)
                try await body(group, listener.port, loop)
            }
            precondition(loop.reactor.watchedDescriptors == 0, "a descriptor is left")
            precondition(loop.reactor.pendingWaits == 0, "a suspension is left")
            precondition(loop.reactor.pendingTimers == 0, "a timer is left")
        }
    }
}
