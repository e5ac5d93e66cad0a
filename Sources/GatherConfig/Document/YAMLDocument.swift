/// A YAML text as a list of its nodes, each followed by its children. Aliases are resolved, but not written out.
///
/// Reading takes time and memory in proportion to the length of the text, whatever it contains.
struct YAMLDocument {
    struct Node {
        enum Content {
            case scalar(String, isPlain: Bool)
            case sequence
            /// Its children are alternating keys and values.
            case mapping
            /// The index of the aliased node, which ends before the alias.
            case alias(Int)
        }

        let content: Content
        /// Nil unless it is written in the text.
        let tag: String?
        let position: Position
        /// The index after its last descendant.
        var end: Int
    }

    /// Far more than a configuration needs. libyaml keeps memory for each open collection.
    private static let maxDepth = 1000

    private(set) var nodes: [Node] = []
    private var anchors: [String: Int] = [:]
    private var open: [OpenCollection] = []

    /// A collection whose end has not been read.
    private struct OpenCollection {
        let index: Int
        let anchor: String?
        let isMapping: Bool
        let isInKey: Bool
        var children = 0
        /// The positions of a mapping's keys.
        var keys: [String: Position] = [:]

        var expectsKey: Bool { isMapping && children.isMultiple(of: 2) }
    }

    /// Nil if the text contains no document.
    init?(_ text: String) throws(YAMLError) {
        let events = try YAMLEvents(text)
        while true {
            let event = try events.next()
            switch event.kind {
            case .other: continue
            case .documentStart:
                guard nodes.isEmpty else { throw .secondDocument(event.position) }
            case .streamEnd:
                if nodes.isEmpty { return nil }
                return
            case .alias:
                guard let name = event.anchor, let target = anchors[name] else {
                    throw .syntax("found undefined alias", nil, at: event.position)
                }
                try add(.alias(target), event)
            case .scalar(let text, let isPlain):
                try add(.scalar(text, isPlain: isPlain), event)
                register(event.anchor, nodes.count - 1)
            case .sequence, .mapping:
                guard open.count < Self.maxDepth else { throw .tooDeep(event.position) }
                let isMapping = if case .mapping = event.kind { true } else { false }
                let isInKey = open.last.map { $0.isInKey || $0.expectsKey } ?? false
                try add(isMapping ? .mapping : .sequence, event)
                open.append(
                    OpenCollection(
                        index: nodes.count - 1, anchor: event.anchor, isMapping: isMapping, isInKey: isInKey))
            case .end:
                guard let collection = open.popLast() else { continue }
                nodes[collection.index].end = nodes.count
                // Only at its end, so that a collection cannot contain itself.
                register(collection.anchor, collection.index)
            }
        }
    }

    private mutating func register(_ anchor: String?, _ index: Int) {
        if let anchor { anchors[anchor] = index }
    }

    private mutating func add(_ content: Node.Content, _ event: YAMLEvent) throws(YAMLError) {
        nodes.append(Node(content: content, tag: event.tag, position: event.position, end: nodes.count + 1))
        guard let parent = open.indices.last else { return }
        let isKey = open[parent].expectsKey
        open[parent].children += 1
        guard isKey || open[parent].isInKey else { return }
        let name = scalar(at: nodes.count - 1)
        // Comparing a key would mean expanding it, within a bound; no configuration needs such keys.
        if case .alias = content, !isKey || name == nil { throw .aliasInKey(event.position) }
        guard isKey, let name else { return }
        if let first = open[parent].keys.updateValue(event.position, forKey: name) { throw .duplicateKey(name, first) }
    }

    /// The text of a scalar, or of an alias for one.
    func scalar(at index: Int) -> String? {
        switch nodes[index].content {
        case .scalar(let text, _): text
        case .alias(let target): scalar(at: target)
        case .sequence, .mapping: nil
        }
    }
}

/// The first reason why a text is not a single YAML document.
enum YAMLError: Error {
    struct Context {
        /// What libyaml was doing, such as `while parsing a flow sequence`.
        let text: String
        let position: Position
    }

    case syntax(String, Context?, at: Position)
    /// A character that YAML does not allow.
    case unreadable(String, atByte: Int)
    case secondDocument(Position)
    /// With the position of its first occurrence.
    case duplicateKey(String, Position)
    case aliasInKey(Position)
    case tooDeep(Position)
    case outOfMemory
}
