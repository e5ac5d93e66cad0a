import Gather
import JSONText

/// The lines of a configuration that is being written, and the remarks about them.
struct ImportedText {
    private(set) var lines: [String] = []
    private(set) var remarks: [ImportRemark] = []

    mutating func line(_ text: String) { lines.append(text) }

    /// A key with a text, if there is one.
    mutating func line(_ key: String, _ text: String?) {
        if let text { line("\(key): \(YAMLText.scalar(text))") }
    }

    /// A key with a list, unless it is empty.
    mutating func line(_ key: String, list texts: [String]) {
        if !texts.isEmpty { line("\(key): \(YAMLText.list(texts))") }
    }

    /// A key with members below it.
    mutating func section(_ key: String, _ members: ImportedText) {
        line("\(key):")
        append(members, indent: 2)
    }

    /// Remarks that what the next line expresses has a different meaning here.
    mutating func differs(_ subject: String, _ text: String, at position: Position) {
        remarks.append(ImportRemark(.differs, subject, text, theirs: position.line, ours: lines.count + 1))
    }

    /// Writes a comment in place of what is left out, with the reason.
    mutating func leaveOut(_ subject: String, _ reason: String, at position: Position) {
        remarks.append(ImportRemark(.leftOut, subject, reason, theirs: position.line, ours: lines.count + 1))
        lines.append("# left out: \(subject)")
    }

    /// The same, in place of what would be made of it.
    mutating func leaveOut<Value>(_ subject: String, _ reason: String, at position: Position) -> Value? {
        leaveOut(subject, reason, at: position)
        return nil
    }

    /// Leaves out the members of a mapping of theirs that nothing has looked at.
    mutating func leaveOutRest(of mapping: TheirMapping, _ prefix: String = "") {
        for member in mapping.rest {
            leaveOut(prefix + member.name, "gatherd has no equivalent", at: member.position)
        }
    }

    mutating func append(_ other: ImportedText, indent: Int = 0) {
        for var remark in other.remarks {
            remark.ours += lines.count
            remarks.append(remark)
        }
        lines += other.lines.map { String(repeating: " ", count: indent) + $0 }
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
            ImportRemark(.leftOut, diagnostic.keyPath, "fix by hand: " + reason, theirs: 0, ours: diagnostic.line))
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
    var ours: Int

    init(_ kind: Kind, _ subject: String, _ text: String, theirs: Int, ours: Int) {
        (self.kind, self.subject, self.text, self.theirs, self.ours) = (kind, subject, text, theirs, ours)
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
        flow(members.map { ($0.name, scalar($0.value)) })
    }

    /// A mapping whose values are written already; those that are nil are not there.
    static func flow(_ members: [(name: String, value: String?)]) -> String {
        let all = members.compactMap { name, value in value.map { "\(scalar(name)): \($0)" } }
        return all.isEmpty ? "{}" : "{ \(all.joined(separator: ", ")) }"
    }

    /// A value of theirs, with braces escaped so that they are not taken for references.
    static func tree(_ node: Node) -> String {
        switch node.content {
        case .broken: return "null"
        case .scalar(let scalar):
            if scalar.isPlain, let plain = PlainScalar(scalar.text) { return plain.json ?? "null" }
            return quoted(scalar.text.replacing("{", with: "{{").replacing("}", with: "}}"))
        case .sequence(let nodes): return "[" + nodes.map(tree).joined(separator: ", ") + "]"
        case .mapping(let members): return flow(members.map { ($0.name, tree($0.value)) })
        }
    }

    private static func quoted(_ text: String) -> String {
        String(decoding: JSONText.string(text.replacing("${", with: "$${")), as: UTF8.self)
    }
}
