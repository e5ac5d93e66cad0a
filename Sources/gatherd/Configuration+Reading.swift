import ArgumentParser
import GatherConfig
import Glibc

extension Configuration {
    /// Reads a configuration; what is wrong with it goes to standard error, and the program ends with status 1.
    /// - Parameter checksFiles: whether files that it names have to be there, as they have to where it is served.
    static func reading(_ file: String, checksFiles: Bool = false) throws -> Configuration {
        do {
            return try read(file: file, environment: Console.environment, checksFiles: checksFiles)
        } catch {
            throw complain(error)
        }
    }
}

/// Writes what is wrong to standard error; what it returns ends the program with a status: 1 is for files and for what
/// came out.
func complain(_ error: any Error, status: Int32 = 1) -> ExitCode {
    Console.write("\(error)\n", to: STDERR_FILENO)
    return ExitCode(status)
}

/// The same for an error of a command's work: one in its arguments comes with how the command is used, and ends the
/// program with the status of all errors in arguments (64, EX_USAGE).
func complain(_ error: any Error, of command: any ParsableCommand.Type) -> ExitCode {
    guard error is UsageError else { return complain(error) }
    complain("\(error)", usageOf: command)
    return .validationFailure
}

/// Writes what is wrong with the arguments to standard error, as the parser does.
func complain(_ message: String, usageOf command: any ParsableCommand.Type) {
    let usage = Gatherd.usageString(for: command)
    let name = usage.split(separator: " ").prefix { !"<[-".contains($0.first ?? "-") }.joined(separator: " ")
    let text = "Error: \(message)\nUsage: \(usage)\n  See '\(name) --help' for more information.\n"
    Console.write(text, to: STDERR_FILENO)
}

extension CompletionKind {
    /// A configuration, or models.
    static let yamlFile = file(extensions: ["yaml", "yml", "json"])

    /// The endpoints of the file that stands before the word.
    static let endpoint = custom { words, index, _ in
        let files = words.prefix(max(0, index)).dropFirst(2).filter { !$0.hasPrefix("-") }
        let plan = files.first.flatMap {
            try? Configuration.read(file: $0, environment: Console.environment).plan
        }
        return plan.map { Array(Set($0.endpoints.map(\.path))).sorted() } ?? []
    }
}

/// A number of things: `1 endpoint`, `2 endpoints`.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
