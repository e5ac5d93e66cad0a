/// What is wrong with a configuration: where it stands, what the problem is, and what to do about it.
public struct Diagnostic: Sendable, Hashable {
    public enum Severity: Sendable, Hashable {
        /// The configuration cannot be used.
        case error
        /// It can be used, but hardly does what its author means.
        case warning
    }

    public let file: String
    /// The line, from 1; 0 if the problem is the file as a whole.
    public let line: Int
    /// The column in Unicode scalars, from 1.
    public let column: Int
    /// The way to the value through the file's keys: `endpoints[0].calls.orders.get`; empty for the file as a whole.
    public let keyPath: String
    public let problem: String
    /// What to do about it, if the problem does not say it.
    public let remedy: String?
    public let severity: Severity
}

extension Diagnostic: CustomStringConvertible {
    /// One line: `config/x.yaml:12:7: endpoints[0].path: problem; remedy`.
    public var description: String {
        line(severity == .warning ? "warning: " : "")
    }

    /// The same for a reader that tells the severity itself.
    public var message: String { line("") }

    private func line(_ kind: String) -> String {
        let place = line > 0 ? "\(file):\(line):\(column): " : "\(file): "
        let path = keyPath.isEmpty ? "" : keyPath + ": "
        // What is quoted from the file may hold line breaks.
        return (place + kind + path + problem + (remedy.map { "; " + $0 } ?? "")).replacing("\n", with: "\\n")
    }
}

/// Every error that was found in one configuration, in the order of the file.
public struct ConfigurationErrors: Error, Sendable, CustomStringConvertible {
    /// Never empty.
    public let diagnostics: [Diagnostic]

    /// One line for each error.
    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
