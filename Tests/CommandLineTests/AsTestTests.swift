import EventLoop
import Foundation
import TestSupport
import Testing

/// `gatherd trace --as-test`, with a service that runs.
@Suite(.blocking) struct AsTestTests {
    /// The default configuration with its shop at a free address.
    private static func configuration() throws -> String {
        let shop = try FreeAddress()
        return try String(contentsOfFile: Program.root.path + "/config/gatherd.yaml", encoding: .utf8)
            .replacing("127.0.0.1:8080", with: "127.0.0.1:0").replacing("127.0.0.1:9090", with: "127.0.0.1:0")
            .replacing("127.0.0.1:9100", with: "\(shop)").replacing("loops: auto", with: "loops: 1")
    }

    /// What is asked for, by the place of its endpoint in the file.
    private static let requests: [(endpoint: Int, arguments: String)] = [
        (0, "/v1/customers/1/dashboard"), (0, "'/v1/customers/1/dashboard?fail_orders=500&delay_offers=60ms'"),
        (0, "'/v1/customers/2/dashboard?delay_offers=200ms'"), (0, "/v1/customers/99999999/dashboard"),
        (1, "/v1/customers/3/degraded"), (2, "/v1/customers/4/settled"),
        (2, "'/v1/customers/4/settled?fail_stock=503'"),
        (3, "/v1/customers/5/summary"), (4, "/v1/customers/6/orders"), (4, "'/v1/customers/7/orders?reviews=yes'"),
        (5, #"/v1/orders -d '{"customer": 1, "sku": "sku-3", "quantity": 2}'"#),
    ]

    @Test func `what each endpoint of the default configuration has answered makes tests that pass`() throws {
        let configuration = try Self.configuration()
        let (tested, traces) = try ServingProgram.run(configuration) { program, loop in
            var blocks = configuration.components(separatedBy: "\n  - path: ")
            var traces: [Program.Result] = []
            for (endpoint, arguments) in Self.requests {
                let target = arguments.replacing(/^('?)\//, with: { "\($0.output.1)127.0.0.1:\(program.port)/" })
                let line = "\(Program.path) trace \(target) --as-test --config \(program.file)"
                let result = try await Program.shell(line, on: loop)
                traces.append(result)
                if !blocks[endpoint + 1].contains("\n    tests:") { blocks[endpoint + 1] += "\n    tests:" }
                let lines = result.output.split(separator: "\n").map { "      " + $0 }
                blocks[endpoint + 1] += "\n" + lines.joined(separator: "\n")
            }
            let file = program.file + ".tested.yaml"
            try blocks.joined(separator: "\n  - path: ").write(toFile: file, atomically: true, encoding: .utf8)
            defer { try? FileManager.default.removeItem(atPath: file) }
            return (try await Program.shell("\(Program.path) test \(file)", on: loop), traces)
        }
        #expect(traces.allSatisfy { $0.exit == .exited(code: 0) && $0.errors == "" }, "\(traces)")
        #expect(
            tested.output.hasSuffix(" \(Self.requests.count + 4) of \(Self.requests.count + 4) tests passed\n"),
            "\(tested)")
        #expect(tested.exit == .exited(code: 0))
        #expect(traces[0].output.hasPrefix("- name: \"GET /v1/customers/1/dashboard, as it was answered\"\n"))
        #expect(traces[0].output.contains("  request: { path: { \"id\": \"1\" } }\n"))
        // What the answer leaves out of a body, or renames, is as the upstream had it.
        #expect(traces[7].output.contains(#""order": "#) && traces[7].output.contains(#""number": "#))
        #expect(traces[10].output.contains(#"body: { "customer": 1, "sku": "sku-3", "quantity": 2 }"#))
    }

    @Test(arguments: [
        ("/v1/nothing", "GET /v1/nothing: FILE has no such endpoint with calls"),
        ("/tasks?sleep=1ms", "GET /tasks?sleep=1ms: FILE"),
    ])
    func `what no test can be made of is told`(target: String, message: String) throws {
        let (result, file) = try ServingProgram.run(try Self.configuration()) { program, loop in
            let line = "\(Program.path) trace '127.0.0.1:\(program.port)\(target)' --as-test --config \(program.file)"
            return (try await Program.shell(line, on: loop), program.file)
        }
        #expect(result.errors.hasPrefix(message.replacing("FILE", with: file)), "\(result.errors)")
        #expect(result.exit == .exited(code: 1) && result.output.isEmpty)
    }
}
