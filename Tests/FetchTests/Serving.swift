import EventLoop
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Fetch

extension ScriptedUpstream {
    /// Opens so many connections by as many requests at once, and returns them, idle.
    func warmUp(_ count: Int, on loop: isolated EventLoop) async throws -> [SocketEnd] {
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<count { group.addImmediateTask { await self.outcome(on: loop).text } }
            var connections: [SocketEnd] = []
            while connections.count < count {
                let connection = try await listener.accept(on: loop)
                _ = try await connection.message(on: loop)
                connections.append(connection)
            }
            for connection in connections {
                try connection.send(okResponse)
                // One after the other, so that the last is the newest.
                await loop.settle()
            }
            for try await text in group { #expect(text == "200 ok") }
            return connections
        }
    }

    /// The descriptors of idle connections, the newest first.
    var idleDescriptors: [CInt] {
        var descriptors: [CInt] = []
        origin.idle.keepOnly { connection in
            descriptors.append(connection.fd)
            return true
        }
        return descriptors
    }
}

/// Waits until the kernel has delivered something on a connection, or its end. It holds the loop's thread, so that the
/// loop has not been told of it.
func waitForArrival(on fd: CInt) {
    var watched = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
    #expect(unsafe poll(&watched, 1, 10_000) == 1, "nothing has come")
}

/// What an upstream has seen, by start line.
final class Sightings: Sendable {
    private let seen = Mutex<[String: Int]>([:])
    var counts: [String: Int] { seen.withLock { $0 } }
    func note(_ message: Message) { seen.withLock { $0[message.start, default: 0] += 1 } }
}
