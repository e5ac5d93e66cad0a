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
    private var found: [Diagnostic] = []

    init(file: String, text: String, checksFiles: Bool = false) {
        self.file = file
        self.checksFiles = checksFiles
        lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    }

    var hasErrors: Bool { found.contains { $0.severity == .error } }

    /// What was found of one severity, in the order of the file.
    func diagnostics(_ severity: Diagnostic.Severity) -> [Diagnostic] {
        found.filter { $0.severity == severity }.enumerated()
            .sorted {
                ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
            }
            .map(\.element)
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
        found.append(
            Diagnostic(
                file: file, line: position.line, column: position.column, keyPath: keyPath, problem: problem,
                remedy: remedy, severity: severity))
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
        : "known are: " + known.joined(separator: ", ")
}
