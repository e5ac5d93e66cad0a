import ArgumentParser
import EventLoop
import GatherConfig
import Glibc
import HTTPTypes
import HTTPWire
import Waterfall

/// `gatherd trace`
struct Trace: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a request, and draw the calls that answer it while they run.",
        discussion: """
            An endpoint of gatherd that streams reports each call as it starts and ends; for any other endpoint or server, the \
            Server-Timing field of the answer is drawn. If standard output is not a terminal, it prints one line for each event. \
            Exits with 1 if there is no answer.

              gatherd trace localhost:8080/v1/customers/1/dashboard
              gatherd trace 'localhost:8080/v1/customers/1/dashboard?delay_stock=100ms&fail_offers=500'
              gatherd trace -d '{"customer": 1, "sku": "sku-3"}' localhost:8080/v1/orders --svg order.svg

            With --as-test it prints the gather as an element of 'tests' of its endpoint instead: what each call got, and what came of it. \
            Names of calls and how they are shaped are looked up in the file that the service serves.

              gatherd trace localhost:8080/v1/customers/1/dashboard --as-test --config config/gatherd.yaml
            """)

    @Argument(help: "The URL to request: http://host:port/path; the scheme defaults to http.")
    var url: String

    @Option(name: [.customShort("X"), .long], help: "The method. (default: GET, or POST with data)")
    var request: String?

    @Option(
        name: [.customShort("H"), .long],
        help: ArgumentHelp("A header field of the request; may be repeated.", valueName: "name: value")
    )
    var header: [String] = []

    @Option(name: .shortAndLong, help: "The body of the request, as JSON.")
    var data: String?

    @Option(
        help: ArgumentHelp("Also write the picture to a file.", valueName: "file"),
        completion: .file(extensions: ["svg"]))
    var svg: String?

    @Flag(help: "Print the result as a test for the configuration, instead of the picture.")
    var asTest = false

    @Option(
        help: ArgumentHelp("The configuration of the service, for --as-test.", valueName: "file"),
        completion: .yamlFile)
    var config = "config/gatherd.yaml"

    @Option(help: ArgumentHelp("How long to wait for the answer.", valueName: "seconds"))
    var timeout = 60

    func validate() throws { _ = try target() }

    func run() throws {
        let target = try target()
        let limit = Duration.seconds(timeout)
        guard !asTest else { return try printTest(of: target, within: limit) }
        let trace = try EventLoop.run { loop in try await Self.play(target, within: limit, on: loop) }
        guard let svg else { return }
        try Console.write(trace.svg(title: "\(target.request.method.rawValue) \(target.request.target)"), toFile: svg)
    }

    private func printTest(of target: TraceTarget, within limit: Duration) throws {
        let configuration = try Configuration.reading(config)
        do {
            var test = try TraceTest(target.request, of: configuration, file: config)
            let records = try EventLoop.run { loop in
                let screen = TraceScreen(keepsRecords: true)
                try await target.run(screen, until: loop.time.advanced(by: limit), on: loop)
                return screen.records ?? []
            }
            let (yaml, differences) = try test.make(of: records)
            print(yaml, terminator: "")
            guard !differences.isEmpty else { return }
            throw UsageError("--as-test", "the test does not pass: \(differences.joined(separator: "; "))")
        } catch let error as UsageError {
            throw complain(error)
        }
    }

    private func target() throws -> TraceTarget {
        guard timeout > 0 else { throw ValidationError("--timeout is a number of seconds above 0") }
        do throws(UsageError) {
            return try TraceTarget(url, method: request ?? (data == nil ? "GET" : "POST"), fields: header, body: data)
        } catch {
            throw ValidationError(error.description)
        }
    }

    private static func play(_ target: TraceTarget, within limit: Duration, on loop: isolated EventLoop) async throws
        -> GatherTrace
    {
        let screen = TraceScreen()
        let deadline = loop.time.advanced(by: limit)
        try await loop.withTaskScope(atEnd: .cancel) { scope in
            if screen.isTerminal { loop.spawn("screen", in: scope) { try await screen.keepDrawing(on: loop) } }
            try await target.run(screen, until: deadline, on: loop)
        }
        screen.finish(at: loop.time)
        return screen.trace
    }
}
