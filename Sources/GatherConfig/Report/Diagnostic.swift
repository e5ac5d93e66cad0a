import JSONText

/// What is wrong with a configuration: the place, the problem, and the remedy.
public struct Diagnostic: Sendable, Hashable {
    public enum Severity: Sendable, Hashable {
        /// The configuration cannot be used.
        case error
        /// It can be used, but probably does not do what its author meant.
        case warning
    }

    public let file: String
    /// The line, from 1; 0 if the problem is the file as a whole.
    public let line: Int
    /// The column in Unicode scalars, from 1.
    public let column: Int
    /// The keys that lead to the value: `endpoints[0].calls.orders.get`; empty for the file as a whole.
    public let keyPath: String
    public let problem: String
    /// What to do about it; nil if that is clear from the problem.
    public let remedy: String?
    public let severity: Severity
}

extension Diagnostic: CustomStringConvertible {
    /// One line: `config/x.yaml:12:7: endpoints[0].path: problem; remedy`.
    public var description: String {
        line(severity == .warning ? "warning: " : "")
    }

    /// The same, without the severity.
    public var message: String { line("") }

    private func line(_ kind: String) -> String {
        let place = line > 0 ? "\(file):\(line):\(column): " : "\(file): "
        let path = keyPath.isEmpty ? "" : keyPath + ": "
        // Quotations from the file may contain line breaks.
        return (place + kind + path + problem + (remedy.map { "; " + $0 } ?? ""))
            .replacingScalars("\n", with: "\\n")
    }
}

/// All errors found in a configuration, in the order of the file.
public struct ConfigurationErrors: Error, Sendable, CustomStringConvertible {
    /// Never empty.
    public let diagnostics: [Diagnostic]

    /// What was read, unless there were errors.
    static func check<Value>(_ value: Value?, _ report: Report) throws(ConfigurationErrors) -> Value {
        guard let value, !report.hasErrors else { throw ConfigurationErrors(diagnostics: report.diagnostics(.error)) }
        return value
    }

    /// One line for each error.
    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
