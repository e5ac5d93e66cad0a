import EventLoop
import EventLoopTesting
import Foundation
import Glibc
import TestSupport
import Testing

/// What the program has from who started it, and what it leaves to who comes after: sockets, messages to the service
/// manager, a new process.
@Suite(.blocking) struct SuccessionTests {
    private static let configuration = """
        version: 1
        server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", loops: 2 }
        demo: {}
        """

    // MARK: The service manager

    @Test func `a service manager hears that it is ready, reloads and stops`() throws {
        let (reloading, start) = try TestLoop.runOnSystem { loop in
            let manager = try ManagerSocket()
            let environment = ["NOTIFY_SOCKET": manager.path]
            return try await ServingProgram.run(Self.configuration, environment: environment, on: loop) {
                program, loop in
                #expect(
                    try await manager.message("READY=1", on: loop).contains {
                        $0.hasPrefix("STATUS=serving at 127.0.0.1:")
                    })
                let start = monotonicNanoseconds()
                try program.send(SIGHUP)
                let reloading = try await manager.message("RELOADING=1", on: loop)
                #expect(try await manager.message("READY=1", on: loop).contains("STATUS=serving configuration 1"))
                try program.send(SIGTERM)
                _ = try await manager.message("STOPPING=1", on: loop)
                return (reloading, start)
            }
        }
        let time = try #require(reloading.first { $0.hasPrefix("MONOTONIC_USEC=") }?.split(separator: "=").last)
        #expect(try #require(Int64(time)) >= start / 1000)
    }

    @Test func `a reload that is asked for right after another is one of its own`() throws {
        try TestLoop.runOnSystem { loop in
            let manager = try ManagerSocket()
            let environment = ["NOTIFY_SOCKET": manager.path]
            try await ServingProgram.run(Self.configuration, environment: environment, on: loop) { program, loop in
                _ = try await manager.message("READY=1", on: loop)
                for _ in 0..<3 {
                    try program.send(SIGHUP)
                    _ = try await manager.message("RELOADING=1", on: loop)
                    _ = try await manager.message("READY=1", on: loop)
                }
            }
        }
    }

    @Test func `the watchdog is fed while every loop takes its turns`() throws {
        try TestLoop.runOnSystem { loop in
            let manager = try ManagerSocket()
            let environment = ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "60000"]
            try await ServingProgram.run(Self.configuration, environment: environment, on: loop) { program, loop in
                for _ in 0..<3 { _ = try await manager.message("WATCHDOG=1", on: loop) }
            }
        }
    }

    @Test func `a watchdog that is another process's is not fed`() throws {
        try TestLoop.runOnSystem { loop in
            let manager = try ManagerSocket()
            let environment = ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"]
            try await ServingProgram.run(Self.configuration, environment: environment, on: loop) { program, loop in
                _ = try await manager.message("READY=1", on: loop)
                for _ in 0..<20 { _ = try await program.get("/hello", on: loop) }
                try program.send(SIGTERM)
                // The next that comes.
                #expect(try await manager.message("", on: loop).first == "STOPPING=1")
            }
        }
    }

    // MARK: Sockets of others

    /// Starts the program by a shell that opens listening sockets for it as systemd does, and has given them names.
    @Test func `sockets that the service manager has opened are served, by their names`() throws {
        let script = #"""
            import os, socket, sys
            program, configuration = sys.argv[1:3]
            sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
            ports = [s.getsockname()[1] for s in sockets]
            for number, s in enumerate(sockets):
                os.dup2(s.fileno(), 13 + number)
            for number in range(2):
                os.dup2(13 + number, 3 + number, inheritable=True)
            environment = dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="admin:listen")
            print(ports[0], ports[1], file=sys.stderr, flush=True)
            os.execve(program, [program, "serve", configuration], environment)
            """#
        let log = try TestLoop.runOnSystem { loop in
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("gatherd-\(UUID()).yaml")
            try Self.configuration.write(to: file, atomically: true, encoding: .utf8)
            defer { try? FileManager.default.removeItem(at: file) }
            let command = ChildCommand(
                "python3", ["-c", script, Program.path, file.path], standardError: .pipe)
            return try await withChildProcess(command, on: loop) { process, loop in
                let errors = try #require(process.standardError)
                var log = ""
                while !log.contains(" serving ") || log.last != "\n" {
                    let piece = try await errors.read(atMost: 65536, on: loop)
                    log += String(decoding: piece, as: UTF8.self)
                    if piece.isEmpty { throw ServingProgram.NotServing(log: log) }
                }
                let ports = log.prefix { $0 != "\n" }.split(separator: " ").compactMap { UInt16($0) }
                for (port, target) in [(ports[1], "/hello"), (ports[0], "/readyz")] {
                    let client = try SocketEnd(port: port, on: loop)
                    try client.send("GET \(target) HTTP/1.1\r\nHost: gatherd\r\nConnection: close\r\n\r\n")
                    #expect(try await client.message(on: loop).status == 200)
                }
                try process.send(signal: SIGTERM)
                #expect(try await process.exit(on: loop) == .exited(code: 0))
                return log
            }
        }
        #expect(log.contains("listen=127.0.0.1:"))
    }

    // MARK: A new process

    @Test func `a new process takes the sockets over, and no request is lost`() throws {
        let (statuses, log) = try ServingProgram.run(Self.configuration) { program, loop in
            let idle = try SocketEnd(port: program.port, on: loop)
            let request = "GET /hello HTTP/1.1\r\nHost: gatherd\r\n\r\n"
            try idle.send(request)
            var statuses = [try await idle.message(on: loop).status]
            try program.send(SIGUSR2)
            try await program.waitForLog("a new process has taken over", on: loop)
            // On the connection that the old process has, until its loop has heard that it is the last time; and on one
            // that the new process accepts.
            var isLast = false
            while !isLast {
                try idle.send(request)
                let answer = try await idle.message(on: loop)
                #expect(answer.status == 200)
                isLast = answer.field("Connection") == "close"
            }
            statuses.append(try await program.get("/hello", on: loop).status)
            try await program.waitForLog(" notice stopped\n", on: loop)
            #expect(try await program.exit(on: loop) == .exited(code: 0))
            statuses.append(try await program.get("/hello", on: loop).status)
            let successor = program.log.firstRange(of: "a new process has taken over").flatMap { found in
                program.log[found.upperBound...].firstRange(of: "process=").flatMap {
                    pid_t(program.log[$0.upperBound...].prefix(while: \.isNumber))
                }
            }
            kill(try #require(successor), SIGTERM)
            // The log ends with the last process that has it.
            _ = try await program.end(on: loop)
            return (statuses, program.log)
        }
        #expect(statuses == [200, 200, 200])
        // Of each process; the two write to one pipe, in no order.
        #expect(log.ranges(of: " notice stopped\n").count == 2)
    }

    @Test func `a new process that cannot serve changes nothing`() throws {
        let status = try ServingProgram.run(Self.configuration) { program, loop in
            try "version: 1\n".write(toFile: program.file, atomically: true, encoding: .utf8)
            try program.send(SIGUSR2)
            try await program.waitForLog(
                "no new process has taken over; this process continues error=\"it exited with status 1\"", on: loop)
            return try await program.get("/hello", on: loop).status
        }
        #expect(status == 200)
    }

    // MARK: Commands

    @Test func `a health check says by its status whether the service is well`() throws {
        let results = try ServingProgram.run(Self.configuration) { program, loop in
            var results: [Program.Result] = []
            for arguments in [
                "127.0.0.1:\(program.adminPort)", "127.0.0.1:\(program.adminPort) --ready", "127.0.0.1:1",
            ] {
                results.append(
                    try await Program.shell("\"$1\" healthcheck \(arguments)", ["bash", Program.path], on: loop))
            }
            return results
        }
        #expect(results.map(\.exit) == [.exited(code: 0), .exited(code: 0), .exited(code: 1)])
        #expect(results[2].errors.contains("127.0.0.1:1"))
    }

    @Test func `a difference says what a reload would change`() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("gatherd-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        func write(_ name: String, _ text: String) throws -> String {
            let file = directory.appendingPathComponent(name)
            try text.write(to: file, atomically: true, encoding: .utf8)
            return file.path
        }
        let old = try write(
            "old.yaml",
            """
            version: 1
            server: { loops: 1, limits: { gathers: 10 } }
            upstreams:
              shop: { hosts: ["http://127.0.0.1:1"], timeout: 300ms }
              gone: { hosts: ["http://127.0.0.1:2"] }
            endpoints:
              - { path: /a, calls: { a: { get: "shop:/a" }, b: { get: "gone:/b" } } }
              - { path: /b, calls: { a: { get: "shop:/b", headers: { Authorization: "${TOKEN:-x}" } } } }
            """)
        let new = try write(
            "new.yaml",
            """
            version: 1
            server: { loops: 2, limits: { gathers: 20 } }
            upstreams:
              shop: { hosts: ["http://127.0.0.1:1"], timeout: 500ms, retry: {} }
            endpoints:
              - { path: /a, calls: { a: { get: "shop:/a" } } }
              - { path: /b, calls: { a: { get: "shop:/b", headers: { Authorization: "${OTHER:-y}" } } } }
              - { path: /c, calls: { a: { get: "shop:/c" } } }
            """)
        let result = try Program.run(["diff", old, new])
        #expect(result.exit == .exited(code: 1))
        #expect(
            result.output == """
                - upstream gone
                ~ server: limits.gathers: 10 → 20
                ~ server: loops: 1 → 2 (at the next start)
                ~ upstream shop: timeout: 300ms → 500ms
                ~ upstream shop: retry: nothing → {}
                ~ endpoint GET /a: calls.b.get: gone:/b → nothing
                ~ endpoint GET /b: calls.a.headers.Authorization: …
                + endpoint GET /c

                """, "\(result.output)")
        #expect(try Program.run(["diff", old, old]) == Program.Result(exit: .exited(code: 0), output: "", errors: ""))
        #expect(try Program.run(["diff", old, "nowhere.yaml"]).exit == .exited(code: 2))
    }
}

private func monotonicNanoseconds() -> Int64 {
    var now = timespec()
    // The structure is the function's for the length of the call.
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
