import EventLoop
import Foundation
import TestSupport
import Testing

/// `gatherd top`, with a service that runs.
@Suite(.blocking) struct TopTests {
    private static let configuration = """
        version: 1
        server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", loops: 1 }
        demo: {}
        upstreams: { up: { hosts: ["http://ADDRESS"], breaker: { min_calls: 1, open_for: 1h } } }
        endpoints: [{ path: /gone, calls: { a: { get: "up:/a" } } }]
        """

    private func top(_ command: String) throws -> Program.Result {
        try ServingProgram.run(Self.configuration.replacing("ADDRESS", with: "\(FreeAddress())")) { program, loop in
            for _ in 0..<2 { #expect(try await program.get("/hello", on: loop).status == 200) }
            #expect(try await program.get("/gone", on: loop).status == 502)
            return try await Program.shell(
                command.replacing("TOP", with: "\(Program.path) top 127.0.0.1:\(program.adminPort) --count 1"), on: loop
            )
        }
    }

    @Test func `where there is no terminal, it says what has come in a second`() throws {
        let result = try top("TOP")
        #expect(result.exit == .exited(code: 0) && result.errors == "")
        let lines = result.output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(lines[0].starts(with: ["gatherd", "at"]))
        let hello = try #require(lines.first { $0.starts(with: ["GET", "/hello"]) })
        #expect(hello.last == "2" && hello[2] == "0.0")
        let gone = try #require(lines.first { $0.starts(with: ["GET", "/gone"]) })
        #expect(gone.suffix(3) == ["100.0%", "0%", "1"])
        let upstream = try #require(lines.first { $0.first == "up" })
        #expect(upstream.contains("open") && upstream.contains("100.0%"))
        #expect(lines.contains { $0.first == "0" })
        #expect(result.output.contains("a: unreachable"))
    }

    @Test func `on a terminal it draws no more than that has room for, and colours only for those who want them`()
        throws
    {
        let draws = "script -qec 'stty cols 60 rows 12; TOP' /dev/null"
        let drawn = try top("unset NO_COLOR; " + draws).output
        #expect(drawn.contains("\u{1B}[1m"))
        let plain = try top("NO_COLOR=1 " + draws).output
        #expect(plain.contains("endpoint") && !plain.contains("\u{1B}[1m"))
        let lines = plain.split(separator: "\r\n").map {
            $0.replacing("\u{1B}[K", with: "").replacing("\u{1B}[J", with: "")
        }
        #expect(lines.count <= 12 && lines.allSatisfy { $0.count < 60 })
    }

    @Test func `what is no admin listener of a service is told`() throws {
        let result = try ServingProgram.run(Self.configuration.replacing("PORT", with: "1")) { program, loop in
            try await Program.shell("\(Program.path) top 127.0.0.1:\(program.port)", on: loop)
        }
        #expect(result.exit == .exited(code: 1))
        #expect(result.errors.contains("/console/events: it answers with 404; is it the admin listener"))
    }
}
