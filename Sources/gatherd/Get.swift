import ArgumentParser
import EventLoop
import GatherConfig
import GatherService
import Glibc
import Waterfall

/// `gatherd get`
struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Request several URLs at once, and draw how long each takes.",
        discussion: """
            Each URL is a call of one gather, which waits for all of them; redirects are not followed. If standard output is not a \
            terminal, it prints one line for each event. Exits with 1 if one of them fails.

              gatherd get localhost:8080/hello 'localhost:8080/tasks?sleep=100ms' https://example.com/
              gatherd get --repeat 3 localhost:8080/hello localhost:8080/hello
              gatherd get --json localhost:8080/hello
            """)

    @Argument(help: "The URLs to request: http://host:port/path; the scheme defaults to http.")
    var urls: [String]

    @Option(help: ArgumentHelp("How many requests may be in flight to each server at once.", valueName: "number"))
    var concurrency = 64

    @Option(help: ArgumentHelp("How long to wait for all of them.", valueName: "seconds"))
    var timeout = 30

    @Option(
        name: .customLong("repeat"),
        help: ArgumentHelp("How many times to do it, one after the other.", valueName: "number"))
    var times = 1

    @Flag(help: "Print each event as a line of JSON.")
    var json = false

    @Option(
        help: ArgumentHelp("Also write a picture of the last round to a file.", valueName: "file"),
        completion: .file(extensions: ["svg"]))
    var svg: String?

    func validate() throws {
        guard concurrency > 0, timeout > 0, times > 0 else {
            throw ValidationError("--concurrency, --timeout and --repeat are numbers above 0")
        }
        _ = try gather()
    }

    func run() throws {
        let (gather, times, json) = (try gather(), times, json)
        let last = try EventLoop.run { loop in try await Self.play(gather, times, json: json, on: loop) }
        if let svg { try Console.write(last.svg(title: "gatherd get"), toFile: svg) }
        guard last.calls.allSatisfy(\.isGood) else { throw ExitCode(1) }
    }

    private func gather() throws -> URLGather {
        do throws(UsageError) {
            return try URLGather(urls, timeout: .seconds(timeout), concurrency: concurrency)
        } catch {
            throw ValidationError(error.description)
        }
    }

    private static func play(
        _ gather: URLGather, _ times: Int, json: Bool, on loop: isolated EventLoop
    ) async throws -> GatherTrace {
        var screens: [TraceScreen] = []
        var last = GatherTrace()
        try await gather.run(times: times, on: loop) { run, record in
            guard !json else {
                try? last.take(line: record)
                return Console.write(String(decoding: record, as: UTF8.self), to: STDOUT_FILENO)
            }
            if run == screens.count {
                screens.append(TraceScreen())
                screens[run].begin(at: loop.time)
            }
            screens[run].take { try? $0.take(line: record) }
            screens[run].drawNow(at: loop.time)
            if screens[run].trace.duration != nil { screens[run].finish(at: loop.time) }
        }
        return json ? last : screens.last?.trace ?? last
    }
}
