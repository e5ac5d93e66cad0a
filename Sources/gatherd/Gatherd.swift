import ArgumentParser
import CPlatform
import GatherService

/// The command line: one file for each command.
@main
struct Gatherd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gatherd",
        abstract: "Answers one HTTP request by calling many services at once.",
        discussion: """
            Declare endpoints and their calls in a YAML file; calls run as concurrently as their references allow, under one \
            deadline, and their results are spliced into one JSON answer.

              gatherd check config/gatherd.yaml
              gatherd serve config/gatherd.yaml
              curl -i localhost:8080/v1/customers/1/dashboard
              gatherd trace localhost:8080/v1/customers/1/dashboard
              gatherd tasks --sleep 1s,2s,3s
            """,
        version: "0.1.0",
        subcommands: [
            Serve.self, Init.self, Check.self, Diff.self, Import.self, DrawPlan.self, Simulate.self, Test.self,
            Schema.self,
            Trace.self, Get.self, Top.self, Tasks.self, HealthCheck.self,
        ])

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        // The first thing of all: a signal that a service handles must not end one that has only just been started.
        if arguments.first == "serve" { try? Service.holdSignals() }
        // Before any descriptor is opened, which would take the number of one that is closed.
        cp_open_standard_descriptors()
        do {
            var command = try parseAsRoot(arguments)
            if let misspelt = Misspelling(in: arguments), misspelt.isOfHelp { misspelt.exit() }
            try command.run()
        } catch {
            // The parser tells of a missing argument before it tells of a misspelt one, which may be why it is missing.
            if exitCode(for: error) == .validationFailure { Misspelling(in: arguments)?.exit() }
            exit(withError: error)
        }
    }
}
