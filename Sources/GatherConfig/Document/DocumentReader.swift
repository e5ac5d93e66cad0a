import Yams

/// Turns YAML text into nodes: aliases are written out, environment variables put in.
///
/// Both the size of the text and what aliases make of it are bounded: ten aliases of ten aliases, ten levels deep, are ten
/// billion values.
struct DocumentReader {
    static let maxFileBytes = 2 << 20
    static let maxDepth = 64
    /// The bound on what aliases expand to, in bytes of text, names and key paths.
    private static let maxExpandedBytes = 16 << 20

    private let report: Report
    private let environment: [String: String]
    private var budget = Self.maxExpandedBytes

    /// The root of the document; nil if there is none, with the reason reported.
    static func read(_ text: String, environment: [String: String], report: Report) -> Node? {
        guard text.utf8.count <= maxFileBytes else {
            report.error("the file has more than 2 MiB", remedy: "split it over several services", at: .file)
            return nil
        }
        if let alias = AliasesInKeys.find(in: text) {
            report.error("an alias in a key", remedy: "write the key out", at: alias)
            return nil
        }
        do {
            // The basic resolver leaves scalars alone: which of them are numbers is decided where a value is read.
            let root = try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
            guard let root else {
                report.error("the file is empty", remedy: "begin with version: 1", at: .file)
                return nil
            }
            var reader = DocumentReader(report: report, environment: environment)
            let node = reader.convert(root, keyPath: "", depth: 0)
            return reader.budget < 0 ? nil : node
        } catch {
            report.syntaxError(error, in: text)
            return nil
        }
    }

    private init(report: Report, environment: [String: String]) {
        self.report = report
        self.environment = environment
    }

    private mutating func convert(_ yaml: Yams.Node, keyPath: String, depth: Int) -> Node {
        let position = Position(yaml.mark)
        func node(_ content: Node.Content) -> Node {
            Node(position: position, keyPath: keyPath, content: content, report: report)
        }
        guard pay(16 + keyPath.utf8.count) else { return node(.broken) }
        guard depth < Self.maxDepth else {
            report.error(
                "values are nested more than \(Self.maxDepth) levels deep", remedy: "nest them less", at: position,
                keyPath: keyPath)
            return node(.broken)
        }
        switch yaml {
        case .scalar(let scalar):
            return node(content(of: scalar, at: position, keyPath: keyPath))
        case .sequence(let elements):
            check(elements.tag, known: [.implicit, .nonSpecific, .seq], at: position, keyPath: keyPath)
            var nodes: [Node] = []
            for (index, element) in elements.enumerated() where budget >= 0 {
                nodes.append(convert(element, keyPath: "\(keyPath)[\(index)]", depth: depth + 1))
            }
            return node(.sequence(nodes))
        case .mapping(let pairs):
            check(pairs.tag, known: [.implicit, .nonSpecific, .map], at: position, keyPath: keyPath)
            var members: [Node.Member] = []
            for (key, value) in pairs where budget >= 0 {
                guard case .scalar(let name) = key else {
                    report.error(
                        "a key is a text, not a list or a mapping", remedy: "write a reference in quotes: \"{…}\"",
                        at: Position(key.mark), keyPath: keyPath)
                    continue
                }
                guard pay(name.string.utf8.count) else { break }
                let path = Self.keyPath(keyPath, name.string)
                let value = convert(value, keyPath: path, depth: depth + 1)
                members.append(Node.Member(name: name.string, position: Position(key.mark), value: value))
            }
            return node(.mapping(members))
        case .alias:
            // The parser replaces aliases by what they stand for.
            return node(.broken)
        }
    }

    private mutating func content(of scalar: Yams.Node.Scalar, at position: Position, keyPath: String) -> Node.Content {
        guard pay(scalar.string.utf8.count) else { return .broken }
        check(scalar.tag, known: [.implicit, .nonSpecific, .str], at: position, keyPath: keyPath)
        let isPlain = scalar.style == .plain && scalar.tag.rawValue.isEmpty
        do throws(EnvironmentVariables.Problem) {
            let text = try EnvironmentVariables.substitute(in: scalar.string, from: environment)
            guard let text else { return .scalar(Node.Scalar(text: scalar.string, isPlain: isPlain)) }
            guard pay(text.utf8.count) else { return .broken }
            return .scalar(Node.Scalar(text: text, isPlain: isPlain, isSubstituted: true))
        } catch {
            let place = report.position(ofColumn: error.column, of: scalar.string, at: position)
            report.error(error.problem, remedy: error.remedy, at: place, keyPath: keyPath)
            return .broken
        }
    }

    private func check(_ tag: Tag, known: [Tag.Name], at position: Position, keyPath: String) {
        guard !known.contains(where: { $0.rawValue == tag.rawValue }) else { return }
        report.error(
            "the tag \(quoted(tag.rawValue)) means nothing here", remedy: "leave it out", at: position,
            keyPath: keyPath)
    }

    /// Takes from the budget, and reports once that it is used up.
    private mutating func pay(_ bytes: Int) -> Bool {
        guard budget >= 0 else { return false }
        budget -= bytes
        guard budget < 0 else { return true }
        report.error("the file's values come to more than 16 MiB", remedy: "use fewer aliases", at: .file)
        return false
    }

    private static func keyPath(_ path: String, _ name: String) -> String {
        let isPlain = !name.isEmpty && name.utf8.allSatisfy { Name.isNameByte($0) }
        guard isPlain, name.utf8.count <= 80 else { return "\(path)[\(quoted(name))]" }
        return path.isEmpty ? name : "\(path).\(name)"
    }
}

extension Position {
    init(_ mark: Mark?) {
        self.init(line: mark?.line ?? 0, column: mark?.column ?? 0)
    }
}
