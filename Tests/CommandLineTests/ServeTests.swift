import EventLoop
import Glibc
import TestSupport
import Testing

/// What the platform does to the program: signals, limits, a log that nobody reads.
@Suite struct ServeTests {
    private static let configuration = """
        version: 1
        server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", loops: 1 }
        demo: {}
        """
    /// The line of the log for it has some 400 bytes; a pipe takes 64 KiB.
    private static let request = "GET /nothing/\(String(repeating: "x", count: 240)) HTTP/1.1\r\nHost: gatherd\r\n\r\n"

    @Test("A signal that stops a service drains this one", arguments: [SIGTERM, SIGINT, SIGQUIT])
    func draining(_ signal: CInt) throws {
        let (answer, exit, log) = try ServingProgram.run(Self.configuration) { program, loop in
            let client = try SocketEnd(port: program.port, on: loop)
            try client.send(
                "GET /tasks?sleep=1ms,200ms HTTP/1.1\r\nHost: gatherd\r\nAccept: application/x-ndjson\r\n\r\n")
            // Its first task has ended, and the second runs.
            var answer = try await client.receive(on: loop)
            try program.send(signal)
            answer += try await client.rest(on: loop)
            return (String(decoding: answer, as: UTF8.self), try await program.end(on: loop), program.log)
        }
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.contains(#""results":[1,2]"#))
        #expect(exit == .exited(code: 0))
        #expect(log.contains(": no new connections, requests that are running may end"))
        #expect(log.hasSuffix(" notice stopped\n"))
    }

    @Test(
        "A signal that means something to other servers is logged, and nothing ends",
        arguments: [SIGHUP, SIGUSR1, SIGUSR2])
    func ignoring(_ signal: CInt) throws {
        let status = try ServingProgram.run(Self.configuration) { program, loop in
            try program.send(signal)
            try await program.waitForLog(" is ignored: ", on: loop)
            return try await program.get("/hello", on: loop).status
        }
        #expect(status == 200)
    }

    @Test("In the journal a line has the priority of its level, elsewhere none", arguments: [true, false])
    func journal(_ isJournal: Bool) throws {
        // What systemd sets: the stream's device and inode. One of another stream, inherited, means nothing.
        let stream = isJournal ? "$(stat -Lc %d:%i /proc/self/fd/2)" : "1:1"
        let log = try ServingProgram.run(Self.configuration, setup: "export JOURNAL_STREAM=\(stream); ") {
            program, loop in
            _ = try await program.get("/nothing", on: loop)
            try program.send(SIGTERM)
            _ = try await program.end(on: loop)
            return program.log
        }
        let lines = log.split(separator: "\n")
        #expect(lines.count > 3)
        for line in lines {
            let priority = line.contains(" info ") ? "<6>20" : "<5>20"
            #expect(line.hasPrefix(isJournal ? priority : "20"), "\(line)")
        }
    }

    @Test func `a log that nobody reads stops nothing, and says what is missing when it is read again`() throws {
        let (requests, exit, log) = try ServingProgram.run(Self.configuration) { program, loop in
            let requests = 4000
            let client = try SocketEnd(port: program.port, on: loop)
            for _ in 0..<requests {
                try client.send(Self.request)
                let answer = try await client.message(on: loop)
                #expect(answer.status == 404)
            }
            client.close()
            try program.send(SIGTERM)
            return (requests, try await program.end(on: loop), program.log)
        }
        #expect(exit == .exited(code: 0))
        let written = log.split(separator: "\n").count { $0.contains(" access ") }
        let dropped = log.split(separator: "\n").filter { $0.contains("were dropped") }
            .compactMap { $0.split(separator: "lines=").last.flatMap { Int($0) } }.reduce(0, +)
        #expect(dropped > 0)
        #expect(written + dropped >= requests)
    }

    @Test func `a program whose log nobody reads ends all the same`() throws {
        let exit = try ServingProgram.run(Self.configuration) { program, loop in
            let client = try SocketEnd(port: program.port, on: loop)
            for _ in 0..<400 {
                try client.send(Self.request)
                _ = try await client.message(on: loop)
            }
            client.close()
            try program.send(SIGTERM)
            return try await program.exit(on: loop)
        }
        #expect(exit == .exited(code: 0))
    }
}
