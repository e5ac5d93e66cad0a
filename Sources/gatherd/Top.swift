import ArgumentParser
import EventLoop
import GatherConfig
import JSONText

/// `gatherd top`
struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a running service does: its endpoints, upstreams, loops and slowest gathers.",
        discussion: """
            Asks the admin listener each second, like its console (/console), and draws the answer; if standard output is not a \
            terminal, it prints the answer. Rates cover the last ten seconds, percentiles and shares the last minute, or all time if \
            that had no request. Ctrl-C ends it.

              gatherd top
              gatherd top 127.0.0.1:9091 --count 1
            """)

    @Argument(
        help: ArgumentHelp("Where the admin listener is.", valueName: "admin"),
        transform: { try ListenAddress(argument: $0) })
    var admin = ListenAddress(host: "127.0.0.1", port: 9090)

    @Option(help: ArgumentHelp("How many seconds to run.", valueName: "seconds"))
    var count: Int?

    func validate() throws {
        guard count ?? 1 > 0 else { throw ValidationError("--count is a number above 0") }
    }

    func run() throws {
        let (client, count) = (AdminClient(address: admin), count)
        do {
            try EventLoop.run { loop in try await Self.watch(client, count, on: loop) }
        } catch let error as AdminError {
            throw complain(error)
        }
    }

    private static func watch(_ client: AdminClient, _ count: Int?, on loop: isolated EventLoop) async throws {
        var screen = Screen()
        var view = TopView(address: "\(client.address)")
        var seconds = 0
        try await client.lines(of: "/console/events", on: loop) { line in
            let record: JSONValue
            do throws(JSONError) {
                record = try JSONValue(validating: Array(line))
            } catch {
                throw AdminError("\(client.address): what it tells is not JSON: \(error)")
            }
            guard view.take(record) else { return true }
            seconds += 1
            if screen.isTerminal {
                let hasColours = screen.hasColours
                screen.draw { width, height in view.lines(width: width, height: height, hasColours: hasColours) }
            } else {
                screen.write(view.lines().map { $0 + "\n" }.joined() + "\n")
            }
            return seconds != count
        }
    }
}
