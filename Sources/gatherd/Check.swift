import ArgumentParser
import GatherConfig

/// `gatherd check`
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a configuration and print each endpoint's graph.",
        discussion: "Exits with 0 if there is nothing to complain of, with 1 if there is an error or a warning.")

    @Argument(help: "The configuration file.")
    var file: String

    func run() throws {
        let configuration = try Configuration.reading(file)
        for endpoint in configuration.plan.endpoints { print(PlanReport.text(for: endpoint, in: configuration.plan)) }
        for warning in configuration.warnings { print(warning) }
        guard configuration.warnings.isEmpty else { throw ExitCode(1) }
        let calls = configuration.plan.endpoints.reduce(0) { $0 + $1.calls.count }
        print("\(file): \(configuration.plan.endpoints.count) endpoints with \(calls) calls, nothing wrong")
    }
}
