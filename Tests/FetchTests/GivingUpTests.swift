import Dispatch
import EventLoop
import HTTPWire
import Synchronization
import TestSupport
import Testing

@testable import Fetch

/// Requests that are given up, in each state that they can be in.
@Suite(.blocking) struct GivingUpTests {
    enum Moment: CaseIterable {
        case resolving, connecting, securing, sendingBody, waiting, inHead, inBody, inChunks
        /// On a kept connection: before the next poll, after which it is written, and while it waits for a response.
        case unwritten, waitingOnKept
        /// In a whole transfer of libcurl's: while it waits for a response, and in its body.
        case inTransfer, inTransferredBody

        var isConnecting: Bool { self == .resolving || self == .connecting || self == .securing }
        var isOnKept: Bool { self == .unwritten || self == .waitingOnKept }
        var isTransfer: Bool { self == .inTransfer || self == .inTransferredBody }

        /// What a request that is given up at its deadline was waiting for.
        var phase: FetchPhase {
            switch self {
            case .resolving: .lookup
            case .connecting: .connect
            case .securing: .handshake
            case .sendingBody, .unwritten: .request
            case .waiting, .inHead, .waitingOnKept, .inTransfer: .head
            case .inBody, .inChunks, .inTransferredBody: .body
            }
        }
    }

    enum Way: CaseIterable { case cancelled, deadline, connectTimeout, closed }

    /// What an upstream sends before it falls silent.
    private static let bytes: [Moment: String] = [
        .inHead: "HTTP/1.1 200 OK\r\nContent-Le", .inBody: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel",
        .inChunks: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        .inTransferredBody: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel",
    ]

    @Test(
        "A request that is given up ends so at once, whatever it waits for, and leaves nothing behind",
        arguments: Moment.allCases, Way.allCases)
    func givenUp(_ moment: Moment, _ way: Way) throws {
        if way == .connectTimeout, !moment.isConnecting { return }
        // By then it would be written.
        if way == .deadline, moment == .unwritten { return }
        try TestLoop.runOnSystem { loop in
            let before = (loop.reactor.watchedDescriptors, loop.reactor.pendingTimers)
            // One connection fills the queue; the kernel drops the handshakes behind it.
            let listener = try SocketListener(backlog: moment == .connecting ? 0 : 100, on: loop)
            let filler = moment == .connecting ? try SocketEnd(port: listener.port, on: loop) : nil
            let release = Gate()
            defer { release.open() }
            let fetcher = Fetcher(on: loop) { _ in
                release.wait()
                return .failure(.temporary)
            }
            var options = FetchOptions()
            options.connectTimeout = way == .connectTimeout ? .milliseconds(250) : .seconds(5)
            options.makesTransfers = moment.isTransfer
            let host = moment == .resolving ? "slow.test" : "127.0.0.1"
            let scheme = moment == .securing ? "https" : "http"
            let origin = try fetcher.origin(base: "\(scheme)://\(host):\(listener.port)", options: options)
            var connection = moment.isOnKept ? try await self.keep(origin, listener, on: loop) : nil
            let body = moment == .sendingBody ? [UInt8](repeating: 0x61, count: 20_000_000) : nil
            let request = ClientRequest.request("POST", "/", body: body)
            let timeout = way == .deadline ? Duration.milliseconds(250) : .seconds(10)
            let failure = try await withThrowingTaskGroup(of: FetchError?.self) { group in
                group.addImmediateTask {
                    do throws(FetchError) {
                        let deadline = loop.now.advanced(by: timeout)
                        _ = try await fetcher.fetch(request, from: origin, until: deadline, on: loop)
                        return nil
                    } catch {
                        return error
                    }
                }
                if moment == .securing || !moment.isConnecting && !moment.isOnKept {
                    connection = try await listener.accept(on: loop)
                }
                if let connection, moment != .unwritten {
                    _ = try await connection.receive(on: loop)
                    if let bytes = Self.bytes[moment] { try connection.send(bytes) }
                }
                // It begins in this turn, in which it is not written yet.
                if moment == .unwritten { await Task.yield() } else { await loop.settle() }
                if way == .cancelled || way == .closed { #expect(fetcher.requestsInFlight == 1) }
                switch way {
                case .cancelled: group.cancelAll()
                case .closed: fetcher.close()
                case .deadline, .connectTimeout: break
                }
                let failure = try await group.next() ?? nil
                #expect(fetcher.requestsInFlight == 0)
                if moment == .unwritten {
                    #expect(try await connection?.rest(on: loop).isEmpty == true)
                } else if let connection {
                    _ = try await connection.end(on: loop)
                }
                return failure
            }
            let expected: FetchError =
                switch way {
                case .cancelled, .closed: .cancelled
                case .deadline: .timeout(moment.phase)
                case .connectTimeout:
                    switch moment {
                    case .resolving: .resolve(.late)
                    case .securing: .tls(.late)
                    default: .connect(.late)
                    }
                }
            #expect(failure == expected)
            if way != .closed { fetcher.close() }
            connection?.close()
            filler?.close()
            listener.close()
            #expect((loop.reactor.watchedDescriptors, loop.reactor.pendingTimers) == before)
        }
    }

    /// Makes a request, after which the connection is idle.
    private func keep(
        _ origin: FetchOrigin, _ listener: SocketListener, on loop: isolated EventLoop
    ) async throws -> SocketEnd {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addImmediateTask {
                let deadline = loop.now.advanced(by: .seconds(10))
                _ = try await origin.fetcher.fetch(.get("/"), from: origin, until: deadline, on: loop)
            }
            let connection = try await listener.accept(on: loop)
            _ = try await connection.message(on: loop)
            try connection.send(okResponse)
            try await group.waitForAll()
            return connection
        }
    }

    @Test func `requests that are given up behind one that waits are not kept`() throws {
        try TestLoop.runOnSystem { loop in
            // Nothing connects.
            let listener = try SocketListener(backlog: 0, on: loop)
            let filler = try SocketEnd(port: listener.port, on: loop)
            let fetcher = Fetcher(on: loop)
            var options = FetchOptions()
            options.connectTimeout = .seconds(60)
            let origin = try fetcher.origin(base: "http://127.0.0.1:\(listener.port)", options: options)
            await withTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    let deadline = loop.now.advanced(by: .seconds(60))
                    _ = try? await fetcher.fetch(.get("/"), from: origin, until: deadline, on: loop)
                }
                for _ in 0..<1000 {
                    _ = try? await fetcher.fetch(.get("/"), from: origin, until: loop.now, on: loop)
                }
                #expect(fetcher.requestsInFlight == 1)
                #expect(origin.waiting.count < 100)
                fetcher.close()
            }
            filler.close()
        }
    }

    @Test func `a dial that its request does not wait for any longer serves the next`() throws {
        let release = Gate()
        let lookups = Mutex(0)
        try TestLoop.runOnSystem { loop in
            defer { release.open() }
            let listener = try SocketListener(on: loop)
            let fetcher = Fetcher(on: loop) { _ in
                lookups.withLock { $0 += 1 }
                release.wait()
                return .success([IPAddress("127.0.0.1")])
            }
            defer { fetcher.close() }
            var options = FetchOptions()
            options.connectTimeout = .seconds(5)
            let origin = try fetcher.origin(base: "http://slow.test:\(listener.port)", options: options)
            await #expect(throws: FetchError.timeout(.lookup)) {
                try await fetcher.fetch(
                    .get("/"), from: origin, until: loop.now.advanced(by: .milliseconds(20)), on: loop)
            }
            release.open()
            let connection = try await listener.accept(on: loop)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    _ = try await connection.message(on: loop)
                    try connection.send(okResponse)
                }
                let deadline = loop.now.advanced(by: .seconds(5))
                #expect(try await fetcher.fetch(.get("/"), from: origin, until: deadline, on: loop).status == 200)
                try await group.waitForAll()
            }
            #expect(listener.acceptNow() == nil)
            #expect(lookups.withLock { $0 } == 1)
        }
    }
}

/// Holds threads until it is opened.
final class Gate: Sendable {
    private let isOpen = DispatchSemaphore(value: 0)

    func open() { isOpen.signal() }

    /// Blocks the calling thread.
    func wait() {
        isOpen.wait()
        // For the next that waits.
        isOpen.signal()
    }
}
