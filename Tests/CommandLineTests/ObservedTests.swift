import EventLoop
import Foundation
import TestSupport
import Testing

/// `gatherd simulate --observed`, with a service that runs.
@Suite(.blocking) struct ObservedTests {
    private static let configuration = """
        version: 1
        server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", loops: 1 }
        demo: { shop: { listen: "127.0.0.1:0" } }
        upstreams: { gone: { hosts: ["http://127.0.0.1:1"] } }
        endpoints: [{ path: "/a/{id}", gather: settled, calls: { a: { get: "gone:/a" }, b: { get: "gone:/b" } } }]
        """

    private func simulate(_ flags: String, asks: Bool = true) throws -> Program.Result {
        try ServingProgram.run(Self.configuration) { program, loop in
            if asks { #expect(try await program.get("/a/1", on: loop).status == 502) }
            let line = "\(Program.path) simulate \(program.file) --gathers 100 \(flags)"
            return try await Program.shell(line.replacing("ADMIN", with: "127.0.0.1:\(program.adminPort)"), on: loop)
        }
    }

    @Test func `upstreams are as the service has seen them`() throws {
        let result = try simulate("--observed ADMIN")
        #expect(result.exit == .exited(code: 0), "\(result.errors)")
        #expect(result.output.contains("answered: 502 100%"))
        #expect(result.output.split(separator: "\n").contains { $0.split(separator: " ") == ["a", "100%"] })
    }

    @Test func `a model of the command line comes before what was seen`() throws {
        let result = try simulate("--observed ADMIN --model gone=7ms")
        // Calls have models of their own, which come before those of their upstream.
        #expect(result.output.contains("answered: 502 100%"))
        #expect(
            try simulate("--observed ADMIN --model gone.a=7ms --model gone.b=7ms").output.contains("answered: 200 100%")
        )
    }

    @Test func `a change is shown next to what is, and drawn`() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("gatherd-\(UUID()).svg")
        defer { try? FileManager.default.removeItem(at: file) }
        let models = "--model 'gone=10ms slow=10%:200ms'"
        let result = try simulate("\(models) --hedge 20ms --deadline 100ms --svg \(file.path)", asks: false)
        #expect(result.exit == .exited(code: 0), "\(result.errors)")
        let lines = result.output.split(separator: "\n")
        #expect(lines[1] == "after: hedge 20ms, deadline 100ms")
        #expect(lines.contains { $0.hasPrefix("before ") && $0.hasSuffix(" 200ms") })
        #expect(lines.contains { $0.hasPrefix("after ") && $0.hasSuffix("ms") && !$0.contains("200ms") })
        #expect(try String(contentsOf: file, encoding: .utf8).contains("GET /a/{id}: hedge 20ms, deadline 100ms"))
        let quorum = try simulate("\(models) --quorum 1 --timeout 50ms --attempts 2", asks: false)
        #expect(quorum.output.contains("after: attempts 2, timeout 50ms, quorum 1"), "\(quorum)")
    }

    @Test func `another file is a change, too`() throws {
        let result = try ServingProgram.run(Self.configuration) { program, loop in
            let other = "\(program.file).other"
            let change = "sed 's/gather: settled/gather: first/' \(program.file) > \(other)"
            let line =
                "\(Program.path) simulate \(program.file) --gathers 100 --model 'gone=5ms..50ms' --against \(other)"
            return try await Program.shell("\(change) && \(line); rm \(other)", on: loop)
        }
        #expect(result.output.contains("after: /") && result.output.contains(".other\n"), "\(result)")
    }

    @Test(arguments: [
        ("--hedge 60%", "Error: --hedge '60%': must be a share of at most 50%; write it as in --hedge 2%", 64),
        ("--timeout soon", "Error: --timeout 'soon': must be a duration; write it as in --timeout 80ms", 64),
        ("--quorum 3", "Error: --quorum 3: 2 calls count: those that no other call refers to", 64),
        ("--observed 127.0.0.1:1", "127.0.0.1:1/model: connect: Connection refused", 1),
    ])
    func `a change that cannot be made is told`(flags: String, message: String, code: Int32) throws {
        let result = try simulate(flags, asks: false)
        #expect(result.errors.hasPrefix(message), "\(result.errors)")
        #expect(result.exit == .exited(code: code) && result.output.isEmpty)
    }
}
