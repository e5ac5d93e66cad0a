import EventLoop
import Gather

/// Reads a KrakenD configuration, or says why the file is not one.
enum KrakenDFile {
    /// Nil, reported, if the text cannot be translated.
    static func read(_ text: String, _ report: Report) -> Node? {
        let attempt = Report(file: report.file, text: text)
        guard let root = DocumentReader.read(text, environment: nil, report: attempt) else {
            if let brace = text.firstRange(of: "{{") {
                return reject(template: position(of: brace.lowerBound, in: text), report)
            }
            for problem in attempt.diagnostics(.error) {
                report.error(
                    problem.problem,
                    remedy: report.file.hasSuffix(".toml") ? "save it as JSON: TOML is not supported" : problem.remedy,
                    at: Position(line: problem.line, column: problem.column), keyPath: problem.keyPath)
            }
            return nil
        }
        if let template = template(in: root) { return reject(template: template, report) }
        guard isOne(root) else {
            return report.error(
                "this is not a KrakenD configuration: no endpoint has a 'backend'",
                remedy: "name the file that KrakenD reads at its start", at: .file)
        }
        guard let version = root["version"], let number = version.spelling.flatMap({ Int($0) }),
            !(2...3).contains(number)
        else { return root }
        return version.error(
            "version \(number) of KrakenD's format is not supported", remedy: "upgrade the file to version 3 first")
    }

    /// Whether a configuration has KrakenD's form.
    static func isOne(_ root: Node) -> Bool {
        guard let endpoints = root["endpoints"]?.list else { return false }
        if endpoints.contains(where: { $0["backend"] != nil || $0["endpoint"] != nil }) { return true }
        return root["$schema"]?.spelling?.contains("krakend") ?? false
    }

    /// Where a text has an action of Go's templates in it. Components may have their own in `extra_config`.
    private static func template(in node: Node) -> Position? {
        switch node.content {
        case .broken: return nil
        case .scalar(let scalar): return scalar.text.contains("{{") ? node.position : nil
        case .sequence(let nodes): return nodes.lazy.compactMap { template(in: $0) }.first
        case .mapping(let members):
            return members.lazy.compactMap { member -> Position? in
                if member.name.contains("{{") { return member.position }
                return member.name == "extra_config" ? nil : template(in: member.value)
            }.first
        }
    }

    private static func reject(template position: Position, _ report: Report) -> Node? {
        report.error(
            "this is a template of KrakenD's flexible configuration, which only KrakenD can render",
            remedy:
                "have KrakenD write the result, as in FC_ENABLE=1 FC_OUT=out.json krakend check -c FILE, and import out.json",
            at: position)
    }

    private static func position(of index: String.Index, in text: String) -> Position {
        let lines = text[..<index].split(separator: "\n", omittingEmptySubsequences: false)
        return Position(line: lines.count, column: (lines.last?.unicodeScalars.count ?? 0) + 1)
    }
}

/// A mapping of theirs, and which of its keys have been looked at.
final class TheirMapping {
    let position: Position
    private let members: [Node.Member]
    private var taken: Set<String> = []

    /// Nil if the value is not a mapping.
    init?(_ node: Node?) {
        guard let node, case .mapping(let members) = node.content else { return nil }
        (position, self.members) = (node.position, members)
    }

    /// The member of the first of several names that is there: names that mean the same in different versions.
    func take(_ names: String...) -> Node.Member? {
        taken.formUnion(names)
        return names.lazy.compactMap { name in self.members.first { $0.name == name } }.first
    }

    /// The text of a member.
    func text(_ name: String) -> String? { take(name)?.value.spelling }

    /// Whether a member is true.
    func flag(_ name: String) -> Bool { take(name)?.value.flag == true }

    /// The members that were not looked at. Names that begin like comments are those of comments.
    var rest: [Node.Member] {
        members.filter { member in
            !taken.contains(member.name) && !["$", "_", "@", "#", "//"].contains(where: member.name.hasPrefix)
        }
    }
}

extension Node {
    var flag: Bool? {
        spelling.flatMap { Bool($0) }
    }

    var number: Double? { spelling.flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil } }

    /// A length of time as Go writes it: `1m30s`, `1.5h`, `250ms`.
    var goDuration: Duration? {
        guard var rest = spelling.map({ $0[...] }), !rest.isEmpty else { return nil }
        if rest == "0" { return .zero }
        let units: [(name: String, nanoseconds: Double)] = [
            ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
        ]
        var nanoseconds = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { !($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(name.count)
            guard let count = Double(digits), let unit = units.first(where: { $0.name == name }) else { return nil }
            nanoseconds += count * unit.nanoseconds
        }
        guard nanoseconds < 1e17 else { return nil }
        return .nanoseconds(Int64(nanoseconds.rounded()))
    }
}
