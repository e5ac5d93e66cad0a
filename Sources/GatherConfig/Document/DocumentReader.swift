import Gather

/// Turns YAML text into nodes, expanding aliases and substituting environment variables.
///
/// Both the size of the text and its size after expansion are bounded: ten aliases of ten aliases, ten levels deep,
/// are ten billion values.
struct DocumentReader {
    static let maxFileBytes = 2 << 20
    static let maxDepth = 64
    /// The bound on what aliases expand to, in bytes of text, names and key paths.
    private static let maxExpandedBytes = 16 << 20

    private let document: YAMLDocument
    private let report: Report
    /// Nil if variables are not substituted.
    private let environment: [String: String]?
    private var budget = Self.maxExpandedBytes

    /// The root of the document; nil if the text has no usable one, with the reason reported.
    /// - Parameter environment: the values of variables; nil if they are not substituted.
    static func read(_ text: String, environment: [String: String]?, report: Report) -> Node? {
        guard text.utf8.count <= maxFileBytes else {
            return report.error("the file is larger than 2 MiB", remedy: "split it over several services", at: .file)
        }
        do throws(YAMLError) {
            guard let document = try YAMLDocument(text) else {
                return report.error("the file is empty", remedy: "begin with version: 1", at: .file)
            }
            var reader = DocumentReader(document: document, report: report, environment: environment)
            let root = reader.convert(at: 0, keyPath: "", depth: 0)
            return reader.budget < 0 ? nil : root
        } catch {
            report.syntaxError(error, in: text)
            return nil
        }
    }

    private mutating func convert(at index: Int, keyPath: String, depth: Int) -> Node {
        let yaml = document.nodes[index]
        func node(_ content: Node.Content) -> Node {
            Node(position: yaml.position, keyPath: keyPath, content: content, report: report)
        }
        // Messages about an aliased value point at the value, not at the alias.
        if case .alias(let target) = yaml.content { return convert(at: target, keyPath: keyPath, depth: depth) }
        guard pay(16 + keyPath.utf8.count) else { return node(.broken) }
        guard depth < Self.maxDepth else {
            report.tooDeep(at: yaml.position, keyPath: keyPath)
            return node(.broken)
        }
        switch yaml.content {
        case .alias: return node(.broken)
        case .scalar(let text, let isPlain):
            check(yaml.tag, is: "str", at: yaml.position, keyPath: keyPath)
            // The reader of the value decides whether it is a number.
            let isPlain = isPlain && yaml.tag == nil
            return node(content(of: text, isPlain: isPlain, at: yaml.position, keyPath: keyPath))
        case .sequence:
            check(yaml.tag, is: "seq", at: yaml.position, keyPath: keyPath)
            var nodes: [Node] = []
            var child = index + 1
            while child < yaml.end, budget >= 0 {
                nodes.append(convert(at: child, keyPath: "\(keyPath)[\(nodes.count)]", depth: depth + 1))
                child = document.nodes[child].end
            }
            return node(.sequence(nodes))
        case .mapping:
            check(yaml.tag, is: "map", at: yaml.position, keyPath: keyPath)
            var members: [Node.Member] = []
            var key = index + 1
            while key < yaml.end, budget >= 0 {
                let value = document.nodes[key].end
                defer { key = document.nodes[value].end }
                let position = document.nodes[key].position
                guard let name = document.scalar(at: key) else {
                    report.error(
                        "a key must be a string, not a list or a mapping",
                        remedy: "write a reference in quotes: \"{…}\"",
                        at: position, keyPath: keyPath)
                    continue
                }
                if name == "<<", case .scalar(_, isPlain: true) = document.nodes[key].content {
                    report.error(
                        "merge keys (<<) are not supported",
                        remedy: "write the members out, use an alias (*name) for the whole value, or 'defaults'",
                        at: position,
                        keyPath: keyPath)
                    continue
                }
                guard pay(name.utf8.count) else { break }
                let path = Self.keyPath(keyPath, name)
                let node = convert(at: value, keyPath: path, depth: depth + 1)
                members.append(Node.Member(name: name, position: position, value: node))
            }
            return node(.mapping(members))
        }
    }

    private mutating func content(
        of text: String, isPlain: Bool, at position: Position, keyPath: String
    ) -> Node.Content {
        guard pay(text.utf8.count) else { return .broken }
        do throws(TemplateError) {
            guard let environment, let substituted = try EnvironmentVariables.substitute(in: text, from: environment)
            else {
                return .scalar(Node.Scalar(text: text, isPlain: isPlain))
            }
            guard pay(substituted.utf8.count) else { return .broken }
            return .scalar(Node.Scalar(text: substituted, isPlain: isPlain, isSubstituted: true))
        } catch {
            let place = report.position(ofColumn: error.column, of: text, at: position)
            report.error(error.problem, remedy: error.remedy, at: place, keyPath: keyPath)
            return .broken
        }
    }

    private func check(_ tag: String?, is known: String, at position: Position, keyPath: String) {
        guard let tag, tag != "tag:yaml.org,2002:" + known, tag != "!" else { return }
        report.error(
            "the tag \(quoted(tag)) is not supported", remedy: "remove it", at: position, keyPath: keyPath)
    }

    /// Takes from the budget; reports, once, that it is used up.
    private mutating func pay(_ bytes: Int) -> Bool {
        guard budget >= 0 else { return false }
        budget -= bytes
        guard budget < 0 else { return true }
        report.error("the file's values expand to more than 16 MiB", remedy: "use fewer aliases", at: .file)
        return false
    }

    private static func keyPath(_ path: String, _ name: String) -> String {
        let isPlain = !name.isEmpty && name.utf8.allSatisfy { Name.isNameByte($0) }
        guard isPlain, name.utf8.count <= 80 else { return "\(path)[\(quoted(name))]" }
        return path.isEmpty ? name : "\(path).\(name)"
    }
}
