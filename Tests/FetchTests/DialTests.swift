import EventLoop
import Fetch
import Glibc
import HTTPWire
import Synchronization
import TestSupport
import Testing

/// Names with several addresses, and addresses that change: over the loopback's 127.0.0.x, with look-ups that a test
/// answers.
@Suite(.blocking) struct DialTests {
    /// What names have now, and how often they were looked up.
    private final class Names: Sendable {
        private let state = Mutex((addresses: ["127.0.0.1"], isDown: false, lookups: 0, running: 0, most: 0))

        init(_ addresses: [String] = ["127.0.0.1"]) { state.withLock { $0.addresses = addresses } }

        var lookups: Int { state.withLock { $0.lookups } }
        var mostAtOnce: Int { state.withLock { $0.most } }
        func move(to addresses: [String]) { state.withLock { $0.addresses = addresses } }
        func goDown() { state.withLock { $0.isDown = true } }

        func lookUp(_ work: () -> Void = {}) -> Result<[IPAddress], LookupFailure> {
            state.withLock {
                $0.lookups += 1
                $0.running += 1
                $0.most = max($0.most, $0.running)
            }
            work()
            return state.withLock {
                $0.running -= 1
                return $0.isDown ? .failure(.temporary) : .success($0.addresses.map { IPAddress($0) })
            }
        }
    }

    /// Answers with the address that it listens on.
    private func serve(_ host: String, _ connection: SocketEnd, on loop: isolated EventLoop) async throws {
        while true {
            _ = try await connection.message(on: loop)
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\(host)")
        }
    }

    private func body(
        _ fetcher: Fetcher, _ origin: FetchOrigin, on loop: isolated EventLoop
    ) async throws(FetchError) -> String {
        let deadline = loop.time.advanced(by: .seconds(5))
        return String(
            decoding: try await fetcher.fetch(.get("/"), from: origin, until: deadline, on: loop).body, as: UTF8.self)
    }

    private func options(age: Duration? = nil, timeToLive: Duration = .seconds(30)) -> FetchOptions {
        var options = FetchOptions()
        options.connectTimeout = .seconds(5)
        options.maxConnectionAge = age
        options.addressTimeToLive = timeToLive
        return options
    }

    /// Two addresses, the first of which refuses or, with a listener that has no room, is silent; asks for the second by
    /// name.
    private func withDeadFirst(
        silent: Bool, _ body: @escaping @Sendable (Fetcher, String, isolated EventLoop) async throws -> Void
    ) throws {
        try TestLoop.runOnSystem { loop in
            let listener = try SocketListener(on: loop)
            let host = FreeAddress.freeHost()
            let dead = silent ? try SocketListener(host: host, port: listener.port, backlog: 0, on: loop) : nil
            let filler = silent ? try SocketEnd(host: host, port: listener.port, on: loop) : nil
            try await listener.serving(by: { try await serve("127.0.0.1", $0, on: $1) }, on: loop) {
                let names = Names([host, "127.0.0.1"])
                let fetcher = Fetcher(on: loop) { _ in names.lookUp() }
                defer { fetcher.close() }
                try await body(fetcher, "http://two.test:\(listener.port)", loop)
            }
            withExtendedLifetime((dead, filler)) {}
        }
    }

    /// Each request has to connect, and the next address is tried in parallel only after the delay.
    private func options(attemptDelay: Duration) -> FetchOptions {
        var options = options(age: .nanoseconds(1))
        options.attemptDelay = attemptDelay
        options.connectTimeout = .seconds(4 * 3600)
        return options
    }

    @Test func `the address behind one that refuses is tried at once`() throws {
        try withDeadFirst(silent: false) { fetcher, base, loop in
            // Nothing that has to wait for the delay would end in this test.
            let origin = try fetcher.origin(base: base, options: options(attemptDelay: .seconds(3600)))
            for _ in 0..<10 { #expect(try await body(fetcher, origin, on: loop) == "127.0.0.1") }
        }
    }

    @Test func `an address that is silent is waited for once, and tried last from then on`() throws {
        #expect(FetchOptions().attemptDelay <= .milliseconds(250))
        try withDeadFirst(silent: true) { fetcher, base, loop in
            let first = try fetcher.origin(base: base, options: options(attemptDelay: .milliseconds(20)))
            let start = loop.time
            #expect(try await body(fetcher, first, on: loop) == "127.0.0.1")
            #expect(start.duration(to: loop.time) >= .milliseconds(20))
            // The name is the same, and what is known of its addresses.
            let next = try fetcher.origin(base: base, options: options(attemptDelay: .seconds(3600)))
            for _ in 0..<10 { #expect(try await body(fetcher, next, on: loop) == "127.0.0.1") }
        }
    }

    @Test func `of a connect timeout that is short a quarter is the longest that one address is tried alone`() throws {
        try withDeadFirst(silent: true) { fetcher, base, loop in
            var options = options(attemptDelay: .seconds(3600))
            options.connectTimeout = .seconds(2)
            let origin = try fetcher.origin(base: base, options: options)
            #expect(try await body(fetcher, origin, on: loop) == "127.0.0.1")
        }
    }

    @Test func `a request does not wait for a connection that one before it gave up, for its SYN was lost`() throws {
        try TestLoop.runOnSystem { loop in
            let listener = try SocketListener(backlog: 0, on: loop)
            let filler = try SocketEnd(port: listener.port, on: loop)
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            let origin = try fetcher.origin(base: "http://127.0.0.1:\(listener.port)", options: options())
            for _ in 0..<3 {
                let deadline = loop.time.advanced(by: .milliseconds(20))
                do throws(FetchError) {
                    _ = try await fetcher.fetch(.get("/"), from: origin, until: deadline, on: loop)
                    Issue.record("a connection for which there is no room")
                } catch {
                    #expect(error == .timeout(.connect))
                }
            }
            let accepted = try await listener.accept(on: loop)
            let start = loop.time
            try await listener.serving(by: { try await serve("127.0.0.1", $0, on: $1) }, on: loop) {
                let answer = try await body(fetcher, origin, on: loop)
                #expect(answer == "127.0.0.1")
            }
            // The kernel sends the lost one again after a second.
            #expect(start.duration(to: loop.time) < .milliseconds(700))
            withExtendedLifetime((filler, accepted)) {}
        }
    }

    @Test func `a name that moves is followed when its time is over, and its old connections are closed`() throws {
        try TestLoop.runOnSystem { loop in
            let old = try SocketListener(on: loop)
            let host = FreeAddress.freeHost()
            let new = try SocketListener(host: host, port: old.port, on: loop)
            let names = Names()
            let fetcher = Fetcher(on: loop) { _ in names.lookUp() }
            defer { fetcher.close() }
            let origin = try fetcher.origin(
                base: "http://moving.test:\(old.port)", options: options(timeToLive: .milliseconds(20)))
            try await new.serving(by: { try await serve(host, $0, on: $1) }, on: loop) {
                try await old.serving(by: { try await serve("127.0.0.1", $0, on: $1) }, on: loop) {
                    #expect(try await body(fetcher, origin, on: loop) == "127.0.0.1")
                    names.move(to: [host])
                    // Though the old server lives, and its connection is used all the time.
                    let limit = loop.time.advanced(by: .seconds(5))
                    while try await body(fetcher, origin, on: loop) == "127.0.0.1" {
                        try #require(loop.time < limit)
                        try await loop.sleep(for: .milliseconds(5))
                    }
                }
            }
        }
    }

    @Test func `a name whose server is gone is looked up again at once`() throws {
        try TestLoop.runOnSystem { loop in
            let new = try SocketListener(on: loop)
            let names = Names([FreeAddress.freeHost()])
            let fetcher = Fetcher(on: loop) { _ in names.lookUp() }
            defer { fetcher.close() }
            let origin = try fetcher.origin(base: "http://gone.test:\(new.port)", options: options())
            await #expect(throws: FetchError.connect(.refused)) { try await body(fetcher, origin, on: loop) }
            names.move(to: ["127.0.0.1"])
            try await new.serving(by: { try await serve("127.0.0.1", $0, on: $1) }, on: loop) {
                let limit = loop.time.advanced(by: .seconds(5))
                var answer: String?
                while answer == nil {
                    try #require(loop.time < limit)
                    answer = try? await body(fetcher, origin, on: loop)
                    try await loop.sleep(for: .milliseconds(5))
                }
                #expect(answer == "127.0.0.1")
            }
        }
    }

    @Test func `what was resolved once stays so while DNS is down`() throws {
        try TestLoop.runOnSystem { loop in
            let listener = try SocketListener(on: loop)
            let names = Names()
            let fetcher = Fetcher(on: loop) { _ in names.lookUp() }
            defer { fetcher.close() }
            let origin = try fetcher.origin(
                base: "http://kept.test:\(listener.port)",
                options: options(age: .nanoseconds(1), timeToLive: .milliseconds(1)))
            try await listener.serving(by: { try await serve("127.0.0.1", $0, on: $1) }, on: loop) {
                #expect(try await body(fetcher, origin, on: loop) == "127.0.0.1")
                names.goDown()
                let start = loop.time
                for _ in 0..<50 {
                    #expect(try await body(fetcher, origin, on: loop) == "127.0.0.1")
                    try await loop.sleep(for: .milliseconds(1))
                }
                // A look-up that failed is not followed by another within a tenth of a second.
                #expect(.milliseconds(100) * (names.lookups - 2) <= start.duration(to: loop.time))
            }
        }
    }

    @Test func `with DNS hanging there is one look-up for each name, few threads, and others are served`() throws {
        let release = Gate()
        try TestLoop.runOnSystem { loop in
            defer { release.open() }
            let listener = try SocketListener(on: loop)
            let names = Names()
            let fetcher = Fetcher(
                on: loop,
                lookup: { _ in
                    names.lookUp { release.wait() }
                }, lookupThreads: BlockingPool(threads: 3))
            defer { fetcher.close() }
            var hanging: [FetchOrigin] = []
            for number in 0..<5 {
                hanging.append(
                    try fetcher.origin(base: "http://hangs\(number).test:\(listener.port)", options: options()))
            }
            let other = try fetcher.origin(base: "http://127.0.0.1:\(listener.port)", options: options())
            try await listener.serving(by: { try await serve("127.0.0.1", $0, on: $1) }, on: loop) {
                let bodies = try await withThrowingTaskGroup(of: String.self) { group in
                    for origin in hanging {
                        for _ in 0..<40 { group.addImmediateTask { try await body(fetcher, origin, on: loop) } }
                    }
                    for _ in 0..<50 { #expect(try await body(fetcher, other, on: loop) == "127.0.0.1") }
                    #expect(names.lookups <= 3)
                    release.open()
                    var bodies: [String] = []
                    for try await body in group { bodies.append(body) }
                    return bodies
                }
                #expect(bodies == Array(repeating: "127.0.0.1", count: 200))
                #expect(names.lookups == 5)
                #expect(names.mostAtOnce <= 3)
            }
        }
    }

    @Test func `a look-up slower than connecting may take serves the next request`() throws {
        let release = Gate()
        try TestLoop.runOnSystem { loop in
            defer { release.open() }
            let listener = try SocketListener(on: loop)
            let names = Names()
            let fetcher = Fetcher(on: loop) { _ in names.lookUp { release.wait() } }
            defer { fetcher.close() }
            var options = options()
            options.connectTimeout = .milliseconds(20)
            let hasty = try fetcher.origin(base: "http://slow.test:\(listener.port)", options: options)
            options.connectTimeout = .seconds(5)
            let patient = try fetcher.origin(base: "http://slow.test:\(listener.port)", options: options)
            for _ in 0..<3 {
                await #expect(throws: FetchError.resolve(.late)) { try await body(fetcher, hasty, on: loop) }
            }
            release.open()
            try await listener.serving(by: { try await serve("127.0.0.1", $0, on: $1) }, on: loop) {
                let answer = try await body(fetcher, patient, on: loop)
                #expect(answer == "127.0.0.1")
            }
            #expect(names.lookups == 1)
        }
    }

    #if DEBUG
        private static let many = 4000
    #else
        private static let many = 8000
    #endif

    @Test func `of thousands of silent connections that are opened at once each holds the loop as long as one of 500`()
        throws
    {
        allowDescriptors(2 * Self.many + 200)
        let (few, many) = try (longestTurn(opening: 500), longestTurn(opening: Self.many))
        // All become ready in one turn. libcurl would walk all of them for each.
        if !isThreadSanitized {
            #expect(many < few * (Self.many / 500) * 3, "\(few) with 500, \(many) with \(Self.many)")
        }
    }

    /// How long an exchange has to wait at most, in time on the processor, while so many silent connections are opened.
    private func longestTurn(opening count: Int) throws -> Duration {
        try TestLoop.runOnSystem { loop in
            // The kernel answers for as many as the queue holds, and none is accepted.
            let silent = try SocketListener(on: loop)
            let listener = try SocketListener(on: loop)
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            let quiet = try fetcher.origin(base: "http://127.0.0.1:\(silent.port)", options: options())
            let other = try fetcher.origin(base: "http://127.0.0.1:\(listener.port)", options: options())
            return try await listener.serving(by: { try await serve("127.0.0.1", $0, on: $1) }, on: loop) {
                () -> Duration in
                let answer = try await body(fetcher, other, on: loop)
                #expect(answer == "127.0.0.1")
                return await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<count {
                        group.addImmediateTask { _ = try? await body(fetcher, quiet, on: loop) }
                    }
                    var longest = Duration.zero
                    for _ in 0..<300 {
                        let start = threadTime()
                        _ = try? await body(fetcher, other, on: loop)
                        longest = max(longest, threadTime() - start)
                    }
                    group.cancelAll()
                    return longest
                }
            }
        }
    }
}

/// How long the calling thread has been on a processor, so that a busy machine does not count.
func threadTime() -> Duration {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}

/// Raises the soft limit of descriptors, which nothing in the process depends on being low.
func allowDescriptors(_ count: Int) {
    var limit = rlimit()
    _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    guard limit.rlim_cur < rlim_t(count) else { return }
    limit.rlim_cur = min(limit.rlim_max, rlim_t(count))
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
