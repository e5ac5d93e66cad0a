import Gather

/// A line and a column of the file, both from 1.
struct Position: Hashable {
    var line: Int
    var column: Int

    /// The file as a whole.
    static let file = Position(line: 0, column: 0)
}

/// Collects the errors and warnings that are found while a file is read.
final class Report {
    let file: String
    /// Whether the files that the configuration names are checked.
    let checksFiles: Bool
    private let lines: [Substring.UnicodeScalarView]
    /// The findings in all files of the configuration, which they share.
    private let findings: Findings
    /// The place of this file among them.
    private let number: Int

    private final class Findings {
        var all: [(number: Int, diagnostic: Diagnostic)] = []
        /// For finding duplicates: a value may be read for several endpoints.
        var known: Set<Diagnostic> = []
        var files = 0
    }

    /// - Parameter other: the report on the file that includes this one, with which it shares its findings.
    init(file: String, text: String, checksFiles: Bool = false, includedBy other: Report? = nil) {
        self.file = file
        self.checksFiles = other?.checksFiles ?? checksFiles
        findings = other?.findings ?? Findings()
        findings.files += 1
        number = findings.files
        lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    }

    var hasErrors: Bool { findings.all.contains { $0.diagnostic.severity == .error } }

    /// The findings of one severity, in the order of the files.
    func diagnostics(_ severity: Diagnostic.Severity) -> [Diagnostic] {
        findings.all.filter { $0.diagnostic.severity == severity }.enumerated()
            .sorted { one, other in
                let (first, second) = (one.element.diagnostic, other.element.diagnostic)
                return (one.element.number, first.line, first.column, one.offset)
                    < (other.element.number, second.line, second.column, other.offset)
            }
            .map(\.element.diagnostic)
    }

    func error(_ problem: String, remedy: String? = nil, at position: Position, keyPath: String = "") {
        add(problem, remedy, position, keyPath, .error)
    }

    /// Reports an error in place of a value.
    func error<Value>(_ problem: String, remedy: String? = nil, at position: Position, keyPath: String = "") -> Value? {
        error(problem, remedy: remedy, at: position, keyPath: keyPath)
        return nil
    }

    func warning(_ problem: String, remedy: String? = nil, at position: Position, keyPath: String) {
        add(problem, remedy, position, keyPath, .warning)
    }

    private func add(
        _ problem: String, _ remedy: String?, _ position: Position, _ keyPath: String, _ severity: Diagnostic.Severity
    ) {
        let diagnostic = Diagnostic(
            file: file, line: position.line, column: position.column, keyPath: keyPath, problem: problem,
            remedy: remedy, severity: severity)
        if findings.known.insert(diagnostic).inserted { findings.all.append((number, diagnostic)) }
    }

    /// The character at a position in the file.
    func character(at position: Position) -> Unicode.Scalar? { rest(of: position)?.first }

    /// The position in the file of a column of a scalar's text.
    ///
    /// It is the scalar's own position if the text before that column is spelled differently in the file: with escapes,
    /// over several lines, or with a variable.
    func position(ofColumn column: Int, of text: String, at position: Position) -> Position {
        guard var source = rest(of: position) else { return position }
        var start = position.column
        if let quote = source.first, quote == "\"" || quote == "'" {
            source = source.dropFirst()
            start += 1
        }
        let before = String(text.prefix(column - 1)).unicodeScalars
        guard source.starts(with: before) else { return position }
        return Position(line: position.line, column: start + before.count)
    }

    /// The rest of a line from a position on. Nil far to the right, since finding a column takes time in proportion to
    /// it, and a file may be a single line.
    private func rest(of position: Position) -> Substring.UnicodeScalarView? {
        guard lines.indices.contains(position.line - 1), (1...2000).contains(position.column) else { return nil }
        return lines[position.line - 1].dropFirst(position.column - 1)
    }
}

/// Quotes a text for a message: on one line, and cut off if it is long.
func quoted(_ text: String) -> String {
    let shown = text.unicodeScalars.prefix(80).map {
        $0.value < 32 || $0.value == 127 ? $0.escaped(asASCII: true) : String($0)
    }
    return "'" + shown.joined() + (text.unicodeScalars.count > 80 ? "…" : "") + "'"
}

/// The message about a star where other programs allow it as a wildcard.
func wildcardProblem(in text: String) -> String {
    "the '*' in \(quoted(text)) is taken literally: it is not a wildcard here"
}

/// A remedy for a misspelt name: the known name nearest to it, or all known names.
func remedy(for name: String, among known: [String]) -> String? {
    // Finding the nearest costs the product of both lengths.
    name.utf8.count <= 100
        ? NearestName.remedy(for: name, among: known)
        : "use one of: " + known.joined(separator: ", ")
}
