import EventLoop
import Foundation
import Glibc
import TestSupport
import Testing

/// What the platform does to the program: signals, limits, a log without a reader.
@Suite(.blocking) struct ServeTests {
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
        #expect(log.contains(": no new connections, requests in progress may finish"))
        #expect(log.hasSuffix(" notice stopped\n"))
    }

    @Test(
        "Signals that stop nothing do what the log says",
        arguments: [
            (SIGUSR1, "SIGUSR1 is ignored: "),
            (SIGHUP, "the configuration was reloaded, and has not changed cause=SIGHUP"),
        ])
    func notStopping(_ signal: CInt, line: String) throws {
        let status = try ServingProgram.run(Self.configuration) { program, loop in
            try program.send(signal)
            try await program.waitForLog(line, on: loop)
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

    @Test func `a signal that comes twice at once is one`() throws {
        let (answer, log) = try ServingProgram.run(Self.configuration) { program, loop in
            let client = try SocketEnd(port: program.port, on: loop)
            try client.send(
                "GET /tasks?sleep=1ms,1s HTTP/1.1\r\nHost: gatherd\r\nAccept: application/x-ndjson\r\n\r\n")
            var answer = try await client.receive(on: loop)
            // As timeout(1) does: to the process, and to its group.
            try program.send(SIGTERM)
            try await program.waitForLog("SIGTERM: ", on: loop)
            try program.send(SIGTERM)
            answer += try await client.rest(on: loop)
            _ = try await program.end(on: loop)
            return (String(decoding: answer, as: UTF8.self), program.log)
        }
        #expect(answer.contains(#""results":[1,2]"#))
        #expect(!log.contains("again"))
    }

    @Test func `the log says for how long connections are still accepted`() throws {
        let configuration = Self.configuration.replacing(
            "loops: 1", with: "loops: 1, timeouts: { lame_duck: 1200ms, shutdown: 100ms }")
        let (status, log) = try ServingProgram.run(configuration) { program, loop in
            // So that there is something to be cut off.
            let client = try SocketEnd(port: program.port, on: loop)
            try client.send("GET /tasks?sleep=30s HTTP/1.1\r\nHost: gatherd\r\n\r\n")
            _ = try await program.get("/hello", on: loop)
            try program.send(SIGTERM)
            try await program.waitForLog("SIGTERM: ", on: loop)
            let status = try await program.get("/hello", on: loop).status
            _ = try await program.end(on: loop)
            return (status, program.log)
        }
        #expect(status == 200)
        #expect(log.contains("SIGTERM: connections are accepted for another 1.2 seconds, each for one request, "))
        #expect(log.contains("warning the shutdown timeout has expired: requests in progress are cancelled"))
        #expect(log.contains("connections=1"))
    }

    @Test func `a signal for a reload that comes while the file is read for the first time ends nothing`() throws {
        let script = #"""
            set -e; fifo=$(mktemp -u); mkfifo "$fifo"
            "$1" serve "$fifo" 2>"$fifo.log" & pid=$!
            # It can be opened for writing once the program has it open for reading.
            exec 3>"$fifo"; kill -HUP $pid
            echo "$2" >&3; exec 3>&-
            until grep -q ' serving ' "$fifo.log"; do kill -0 $pid; sleep 0.01; done
            kill -TERM $pid; wait $pid; rm -f "$fifo" "$fifo.log"
            """#
        let result = try Program.shell(script, ["bash", Program.path, Self.configuration])
        #expect(result.exit == .exited(code: 0), "\(result)")
    }

    @Test func `a file that is watched is read again when another is put in its place`() throws {
        let log = try ServingProgram.run(Self.configuration, ["--watch"]) { program, loop in
            let changed = Self.configuration.replacing("demo: {}", with: "demo: { endpoints: true }")
            try changed.write(toFile: program.file, atomically: true, encoding: .utf8)
            try await program.waitForLog("the configuration was reloaded", on: loop)
            return program.log
        }
        #expect(log.contains("the configuration was reloaded cause=--watch changes=\"~ demo\" generation=2"))
    }

    @Test func `a log that is not read stops nothing, and says what is missing when it is read again`() throws {
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

    @Test func `a program whose log is not read ends all the same`() throws {
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
