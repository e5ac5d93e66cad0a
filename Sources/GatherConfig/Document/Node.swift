import Gather

/// A value or a key, which errors and warnings can be about.
protocol Located {
    var report: Report { get }
    var position: Position { get }
    var keyPath: String { get }
}

extension Located {
    func error(_ problem: String, remedy: String? = nil) {
        report.error(problem, remedy: remedy, at: position, keyPath: keyPath)
    }

    /// Reports an error in place of a value.
    func error<Value>(_ problem: String, remedy: String? = nil) -> Value? {
        report.error(problem, remedy: remedy, at: position, keyPath: keyPath)
    }

    func warning(_ problem: String, remedy: String? = nil) {
        report.warning(problem, remedy: remedy, at: position, keyPath: keyPath)
    }
}

/// A value in the file, with its position.
struct Node: Located {
    enum Content {
        case scalar(Scalar)
        case sequence([Node])
        case mapping([Member])
        /// A value whose error has been reported.
        case broken
    }

    struct Scalar {
        var text: String
        /// Whether it is unquoted, so that it can be something other than a string.
        var isPlain: Bool
        /// Whether it contains the value of an environment variable or a file.
        var isSubstituted = false

        /// Whether YAML takes it for null.
        var isNull: Bool { isPlain && ["", "~", "null", "Null", "NULL"].contains(text) }
    }

    struct Member: Located {
        var name: String
        /// The key's position.
        var position: Position
        var value: Node

        var report: Report { value.report }
        var keyPath: String { value.keyPath }
    }

    let position: Position
    let keyPath: String
    let content: Content
    let report: Report
    /// Where readers record what the value may be, if it is a blank (``Outline``).
    var outline: Outline?

    var isBroken: Bool { if case .broken = content { true } else { false } }

    /// Whether it is a mapping, or a blank that may be one.
    var isMappingOrBlank: Bool { if case .mapping = content { true } else { isBlank } }

    /// Reports an error at a column of this scalar's text, counted from 1.
    func error(_ problem: String, remedy: String? = nil, column: Int) {
        var place = position
        if case .scalar(let scalar) = content {
            place = report.position(ofColumn: column, of: scalar.text, at: position)
        }
        report.error(problem, remedy: remedy, at: place, keyPath: keyPath)
    }

    /// What Gather makes of this scalar's text from `offset` on; nil, and reported, if it finds an error.
    func read<Value>(offset: Int = 0, _ value: @autoclosure () throws(TemplateError) -> Value) -> Value? {
        do throws(TemplateError) {
            return try value()
        } catch {
            self.error(error.problem, remedy: error.remedy, column: error.column + offset)
            return nil
        }
    }

    /// Reports that the value is not of the kind that its key expects.
    /// - Parameter unquoted: whether a text would be of that kind if it had no quotes.
    func wrongKind(expected: String, unquoted: (String) -> Bool = { _ in false }) {
        guard !isBroken else { return }
        var remedy: String?
        if case .scalar(let scalar) = content, unquoted(scalar.text) { remedy = "write it without quotes" }
        if isUnquotedReference { remedy = "write the reference in quotes: \"{…}\"" }
        error("expected \(expected), found \(kind)", remedy: remedy)
    }

    /// Reports it in place of a value.
    func wrongKind<Value>(expected: String, unquoted: (String) -> Bool = { _ in false }) -> Value? {
        wrongKind(expected: expected, unquoted: unquoted)
        return nil
    }

    /// Whether this is `{name}` without quotes, which YAML takes for a mapping.
    var isUnquotedReference: Bool {
        guard case .mapping(let members) = content, report.character(at: position) == "{" else { return false }
        return members.contains { member in
            if case .scalar(let scalar) = member.value.content { scalar.isPlain && scalar.text.isEmpty } else { false }
        }
    }

    /// What messages call the value.
    private var kind: String {
        switch content {
        case .scalar(let scalar) where scalar.isNull: "nothing"
        case .scalar(let scalar): quoted(scalar.text)
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .broken: "an error"
        }
    }
}
