import ArgumentParser
import GatherConfig
import Rehearsal

/// `gatherd test`
struct Test: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the tests in a configuration on virtual time, with the upstream answers that the tests specify.",
        discussion: "Exits with 0 if all pass, with 1 if a test fails or there are no tests.")

    @Argument(help: "The configuration file.", completion: .yamlFile)
    var file: String

    func run() throws {
        let configuration = try Configuration.reading(file)
        guard !configuration.tests.isEmpty else {
            throw complain(
                UsageError(
                    Configuration.name(of: file), "no endpoint has tests",
                    "add a list of them under the endpoint's 'tests'"))
        }
        var failed = 0
        for test in configuration.tests {
            let result = try test.run(on: configuration.plan)
            if !result.failures.isEmpty { failed += 1 }
            print(test.text(of: result, on: configuration.plan))
        }
        let passed = configuration.tests.count - failed
        print("\(Configuration.name(of: file)): \(passed) of \(configuration.tests.count) tests passed")
        guard failed == 0 else { throw ExitCode(1) }
    }
}
