import ArgumentParser
import GatherConfig

/// `gatherd diff`
struct Diff: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a reload would change.",
        discussion: """
            One line for each part of the file that the new one has (+) or no longer has (-), and for each value that is different (~). \
            Values from the environment or from files are not shown.

            Exits with 0 if nothing would change, with 1 if something would, and with 2 if one of the files is not valid.
            """)

    @Argument(help: "The configuration that is served.", completion: .yamlFile)
    var old: String

    @Argument(help: "The one that would replace it.", completion: .yamlFile)
    var new: String

    func run() throws {
        let environment = Console.environment
        var configurations: [Configuration] = []
        for file in [old, new] {
            do {
                configurations.append(try Configuration.read(file: file, environment: environment))
            } catch {
                throw complain(error, status: 2)
            }
        }
        let changes = configurations[1].changes(from: configurations[0])
        for change in changes {
            print(change.needsRestart ? "\(change) (at the next start)" : "\(change)")
        }
        if !changes.isEmpty { throw ExitCode(1) }
    }
}
