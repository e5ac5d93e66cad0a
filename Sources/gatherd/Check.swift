import ArgumentParser
import GatherConfig
import GatherService
import Rehearsal

/// `gatherd check`
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a configuration and list its endpoints.",
        discussion:
            "Exits with 0 if there are no errors or warnings, and with 1 if there are. The file may be - for standard input."
    )

    @Flag(help: "Exit with 0 if there are only warnings, which do not stop 'gatherd serve'.")
    var allowWarnings = false

    @Argument(help: "The configuration file.", completion: .yamlFile)
    var file: String

    func run() throws {
        let configuration = try Configuration.reading(file, checksFiles: true)
        do { try configuration.checkTLS() } catch { throw complain(error) }
        let plan = configuration.plan
        for endpoint in plan.endpoints { print(PlanGraph(endpoint, of: plan).summary) }
        for proxy in plan.proxies { print(proxy.summary(of: plan)) }
        for warning in configuration.warnings { print(warning) }
        guard configuration.warnings.isEmpty else { throw ExitCode(allowWarnings ? 0 : 1) }
        let calls = plan.endpoints.reduce(0) { $0 + $1.calls.count }
        print(
            "\(Configuration.name(of: file)): \(counted(plan.endpoints.count + plan.proxies.count, "endpoint")) with \(counted(calls, "call")), no problems found"
        )
    }
}
