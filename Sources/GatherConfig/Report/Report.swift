import Gather

/// A line and a column of the file, both from 1.
struct Position: Hashable {
    var line: Int
    var column: Int

    /// The file as a whole.
    static let file = Position(line: 0, column: 0)
}

/// Collects what is found wrong while a file is read.
final class Report {
    let file: String
    /// Whether files that the configuration names are looked at.
    let checksFiles: Bool
    private let lines: [Substring.UnicodeScalarView]
    /// What was found in all files of the configuration.
    private let findings: Findings
    /// Where the file comes among them.
    private let number: Int

    private final class Findings {
        var all: [(number: Int, diagnostic: Diagnostic)] = []
        /// What stands once in the file may be read for several endpoints.
        var known: Set<Diagnostic> = []
        var files = 1
    }

    convenience init(file: String, text: String, checksFiles: Bool = false) {
        self.init(file, text, checksFiles, Findings())
    }

    /// The report on a file that another one includes: what is found in both is told together.
    convenience init(file: String, text: String, includedBy other: Report) {
        other.findings.files += 1
        self.init(file, text, other.checksFiles, other.findings)
    }

    private init(_ file: String, _ text: String, _ checksFiles: Bool, _ findings: Findings) {
        self.file = file
        self.checksFiles = checksFiles
        self.findings = findings
        number = findings.files
        lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    }

    var hasErrors: Bool { findings.all.contains { $0.diagnostic.severity == .error } }

    /// What was found of one severity, in the order of the files.
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

    /// The character that the file has at a position.
    func character(at position: Position) -> Unicode.Scalar? { rest(of: position)?.first }

    /// Where a column of a scalar's text stands in the file.
    ///
    /// The scalar's own position if the file spells the text before that column differently: by escapes, over several
    /// lines, or with a variable.
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

    /// A line from a position on. Nil far to the right: finding a column takes time in proportion to it, and a file may
    /// be one line.
    private func rest(of position: Position) -> Substring.UnicodeScalarView? {
        guard lines.indices.contains(position.line - 1), (1...2000).contains(position.column) else { return nil }
        return lines[position.line - 1].dropFirst(position.column - 1)
    }
}

/// A text as messages quote it: on one line, and not too long.
func quoted(_ text: String) -> String {
    let shown = text.unicodeScalars.prefix(80).map {
        $0.value < 32 || $0.value == 127 ? $0.escaped(asASCII: true) : String($0)
    }
    return "'" + shown.joined() + (text.unicodeScalars.count > 80 ? "…" : "") + "'"
}

/// A remedy that names the known name nearest to a misspelt one, or the known names.
func remedy(for name: String, among known: [String]) -> String? {
    // Finding the nearest costs the product of both lengths.
    name.utf8.count <= 100
        ? NearestName.remedy(for: name, among: known)
        : "use one of: " + known.joined(separator: ", ")
}
