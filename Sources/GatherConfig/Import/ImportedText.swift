import Gather
import JSONText

/// The lines of a configuration that is being written, and the remarks about them.
struct ImportedText {
    private(set) var lines: [String] = []
    private(set) var remarks: [ImportRemark] = []

    mutating func line(_ text: String) { lines.append(text) }

    /// Remarks that what the next line expresses has a different meaning here.
    mutating func differs(_ subject: String, _ text: String, at position: Position) {
        remarks.append(ImportRemark(.differs, subject, text, theirs: position.line, ours: lines.count + 1))
    }

    /// Writes a comment in place of what is left out, with the reason.
    mutating func leaveOut(_ subject: String, _ reason: String, at position: Position) {
        remarks.append(ImportRemark(.leftOut, subject, reason, theirs: position.line, ours: lines.count + 1))
        lines.append("# left out: \(subject)")
    }

    mutating func append(_ other: ImportedText, indent: Int = 0) {
        let offset = lines.count
        for line in other.lines { lines.append(line.isEmpty ? "" : String(repeating: " ", count: indent) + line) }
        for remark in other.remarks { remarks.append(remark.moved(by: offset)) }
    }

    /// The same in comments.
    var commentedOut: ImportedText {
        var text = self
        text.lines = lines.map { "# " + $0 }
        return text
    }

    /// Errors found when the translation was read.
    mutating func mustBeMended(_ diagnostic: Diagnostic) {
        let reason = [diagnostic.problem, diagnostic.remedy].compactMap(\.self).joined(separator: "; ")
        remarks.append(
            ImportRemark(
                .leftOut, diagnostic.keyPath, "fix by hand: " + reason, theirs: 0, ours: diagnostic.line))
    }
}

/// A remark on something in another program's configuration that ours lacks, or that has a different meaning here.
struct ImportRemark: Sendable {
    enum Kind: Sendable { case leftOut, differs }

    let kind: Kind
    /// What the remark is about, usually a key.
    let subject: String
    let text: String
    /// The line in their file; 0 if it is not about a line.
    let theirs: Int
    private(set) var ours: Int

    init(_ kind: Kind, _ subject: String, _ text: String, theirs: Int, ours: Int) {
        (self.kind, self.subject, self.text, self.theirs, self.ours) = (kind, subject, text, theirs, ours)
    }

    func moved(by lines: Int) -> ImportRemark {
        var remark = self
        remark.ours += lines
        return remark
    }
}

/// Values as they are written on a line of YAML.
enum YAMLText {
    /// A text, in quotes unless it is a string without them.
    static func scalar(_ text: String) -> String {
        let begins =
            text.utf8.first.map { $0 == UInt8(ascii: "/") || Name.isValid(String(Unicode.Scalar($0))) } ?? false
        let isPlain = begins && text.utf8.allSatisfy { Name.isNameByte($0) || "/.".utf8.contains($0) }
        return isPlain && PlainScalar(text) == nil ? text : quoted(text)
    }

    static func list(_ texts: [String]) -> String { "[" + texts.map(scalar).joined(separator: ", ") + "]" }

    static func mapping(_ members: [(name: String, value: String)]) -> String {
        members.isEmpty
            ? "{}" : "{ " + members.map { "\(scalar($0.name)): \(scalar($0.value))" }.joined(separator: ", ") + " }"
    }

    /// A value of theirs, with braces escaped so that they are not taken for references.
    static func tree(_ node: Node) -> String {
        switch node.content {
        case .broken: return "null"
        case .scalar(let scalar):
            if scalar.isPlain, let plain = PlainScalar(scalar.text) { return plain.json ?? "null" }
            return quoted(scalar.text.replacing("{", with: "{{").replacing("}", with: "}}"))
        case .sequence(let nodes): return "[" + nodes.map(tree).joined(separator: ", ") + "]"
        case .mapping(let members):
            guard !members.isEmpty else { return "{}" }
            return "{ " + members.map { "\(scalar($0.name)): \(tree($0.value))" }.joined(separator: ", ") + " }"
        }
    }

    private static func quoted(_ text: String) -> String {
        var json: [UInt8] = []
        JSONText.append(string: text.replacing("${", with: "$${"), to: &json)
        return String(decoding: json, as: UTF8.self)
    }
}
