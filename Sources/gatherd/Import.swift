import ArgumentParser
import GatherConfig
import Glibc

/// `gatherd import`
struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Translate a KrakenD configuration.",
        discussion: """
            Reads a krakend.json (or its YAML form), of version 2 or 3, and writes a gatherd configuration. The report lists what \
            was left out and what has a different meaning here, with the lines in both files; read it, and run 'gatherd check' on \
            the result.

              gatherd import krakend.json --output gatherd.yaml

            Exits with 0 if nothing was left out, with 1 if something was, and with 2 if the file cannot be read.
            """)

    @Argument(help: "The KrakenD configuration; - is standard input.", completion: .yamlFile)
    var file: String

    @Option(
        help: ArgumentHelp("Write the configuration into a file, not to standard output.", valueName: "gatherd.yaml"),
        completion: .file(extensions: ["yaml", "yml"]))
    var output: String?

    @Option(
        help: ArgumentHelp("Write the report into a file, not to standard error.", valueName: "report.txt"),
        completion: .file())
    var report: String?

    func run() throws {
        let isComplete: Bool
        do {
            let imported = try ImportedConfiguration.read(file: file)
            isComplete = imported.isComplete
            if let output {
                try Console.write(imported.yaml, toFile: output)
            } else {
                print(imported.yaml, terminator: "")
            }
            let text = imported.report(output: output ?? "standard output")
            if let report { try Console.write(text, toFile: report) } else { Console.write(text, to: STDERR_FILENO) }
        } catch {
            throw complain(error, status: 2)
        }
        if !isComplete { throw ExitCode(1) }
    }
}
