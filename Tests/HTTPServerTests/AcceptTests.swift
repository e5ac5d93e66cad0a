import EventLoop
import Glibc
import HTTPServer
import TestSupport
import Testing

struct AcceptTests {
    @Test func `without descriptors the server does not spin, and answers when it has one again`() async {
        await #expect(processExitsWith: .success) {
            let (turns, status) = try ServerUnderTest.run { server, loop in
                var limit = rlimit()
                unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let client = try server.connect(on: loop)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                // Before the server has a turn to accept in.
                limit.rlim_cur = 0
                unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                let before = loop.reactor.counters.turns
                try await loop.sleep(for: .milliseconds(350))
                let turns = loop.reactor.counters.turns - before
                limit.rlim_cur = limit.rlim_max
                unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                return (turns, try await client.message(for: "GET", on: loop).status)
            }
            // Three or four pauses, and what begins and ends them.
            precondition(turns < 20, "\(turns) turns")
            precondition(status == 200)
        }
    }
}
