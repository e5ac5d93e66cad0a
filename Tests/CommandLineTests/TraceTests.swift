import EventLoop
import Foundation
import TestSupport
import Testing

/// `gatherd trace`, with a service that runs.
@Suite(.blocking) struct TraceTests {
    /// Nothing listens where its upstream is said to be.
    private static func configuration(upstream address: FreeAddress) -> String {
        """
        version: 1
        server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", loops: 1, disclose: everything }
        demo: {}
        upstreams: { up: { hosts: ["http://\(address)"] } }
        endpoints:
          - { path: /gone, gather: settled, calls: { a: { get: "up:/a" }, b: { get: "up:/b/{a.id}" } } }
          - { path: /plain, stream: false, gather: settled, calls: { a: { get: "up:/a" } } }
          - { path: /made, method: POST, calls: { a: { post: "up:/a", body: "{body}" } } }
        """
    }

    private func trace(_ arguments: [String], terminal: Bool = false) throws -> Program.Result {
        try run("trace", arguments, terminal: terminal)
    }

    private func run(_ command: String, _ arguments: [String], terminal: Bool = false) throws -> Program.Result {
        try ServingProgram.run(Self.configuration(upstream: FreeAddress())) { program, loop in
            let words = arguments.map { $0.replacing("PORT", with: "\(program.port)") }
            let line = ([Program.path, command] + words).map { "'\($0)'" }.joined(separator: " ")
            return try await Program.shell(
                terminal ? "COLUMNS=80 TERM=xterm script -qec \"\(line)\" /dev/null" : line, on: loop)
        }
    }

    @Test func `where there is no terminal, each start and end is a line`() throws {
        let result = try trace(["127.0.0.1:PORT/tasks?sleep=30ms,10ms"])
        let lines = result.output.split(separator: "\n").map { $0.replacing(/[0-9]+\.[0-9] ms/, with: "#") }
        #expect(
            lines == [
                "#  1 starts", "#  2 starts", "#  2 done, #", "#  1 done, #", "200 after #",
                "One after the other the calls would have taken #.",
            ])
        #expect(result.exit == .exited(code: 0) && result.errors == "")
    }

    @Test func `on a terminal bars are drawn over themselves`() throws {
        let output = try trace(["127.0.0.1:PORT/tasks?sleep=200ms,10ms"], terminal: true).output
        #expect(output.ranges(of: "\u{1B}[2A").count >= 2)
        #expect(output.contains("█"))
    }

    @Test func `a picture is written to a file`() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("gatherd-\(UUID()).svg")
        defer { try? FileManager.default.removeItem(at: file) }
        let result = try trace(["127.0.0.1:PORT/tasks?sleep=10ms", "--svg", file.path])
        #expect(result.exit == .exited(code: 0))
        let svg = try String(contentsOf: file, encoding: .utf8)
        #expect(svg.hasPrefix("<svg ") && svg.contains("GET /tasks?sleep=10ms"))
    }

    @Test func `who cannot be asked is told of, and it ends with 1`() throws {
        let address = try FreeAddress()
        let result = try Program.run(["trace", "\(address)/x"])
        #expect(result.exit == .exited(code: 1))
        #expect(result.errors.contains("\(address): "), "\(result.errors)")
        #expect(try Program.run(["trace", "nothing.invalid/x"]).exit == .exited(code: 1))
    }

    @Test func `a failed gather shows what failed, and what was never sent`() throws {
        let output = try trace(["127.0.0.1:PORT/gone", "--timeout", "10"]).output
        #expect(output.contains("  a starts\n"))
        #expect(output.contains("b skipped: "))
        #expect(output.contains("\n502 after "))
    }

    @Test func `an endpoint without a stream is drawn from its Server-Timing`() throws {
        let output = try trace(["127.0.0.1:PORT/hello"]).output
        #expect(output == "\n200\n")
        let plain = try trace(["127.0.0.1:PORT/plain"]).output
        #expect(plain.contains("  a "), "\(plain)")
    }

    // MARK: gatherd get

    @Test func `several URLs are asked for at once, whatever comes of them`() throws {
        let result = try run(
            "get", ["127.0.0.1:PORT/tasks?sleep=600ms", "127.0.0.1:PORT/hello", "127.0.0.1:PORT/nothing"])
        let lines = result.output.split(separator: "\n")
        #expect(lines.prefix(3).allSatisfy { $0.hasSuffix(" starts") })
        #expect(lines.contains { $0.contains("2 127.0.0.1:") && $0.contains("/hello ok, ") })
        #expect(lines.contains { $0.contains("/nothing http_error, ") && $0.contains(": status 404 from 127.0.0.1:") })
        #expect(lines[5].contains("/tasks?sleep=600ms ok, "))
        #expect(result.exit == .exited(code: 1))
    }

    @Test func `with --json each run's records are told`() throws {
        let result = try run("get", ["127.0.0.1:PORT/hello", "--repeat", "2", "--json"])
        #expect(result.exit == .exited(code: 0), "\(result.errors)")
        #expect(result.output.ranges(of: #","body":13}"#).count == 2)
        #expect(result.output.ranges(of: #"{"gather":{"complete":true,"#).count == 2)
    }
}
