/// A mapping whose keys are known in advance.
struct Section {
    let node: Node
    private let members: [String: Node.Member]

    /// Reports every key that is not among `keys`; nil, reported, if the value is not a mapping.
    init?(_ node: Node, keys: [String]) {
        if let outline = node.outline {
            outline.take(keys: keys)
            self.node = node
            let blanks = keys.map { key in
                (key, Node.Member(name: key, position: .file, value: .blank(outline.member(key))))
            }
            members = Dictionary(blanks) { first, _ in first }
            return
        }
        guard let all = node.members(expected: "a mapping with the keys \(keys.joined(separator: ", "))") else {
            return nil
        }
        self.node = node
        var members: [String: Node.Member] = [:]
        for member in all {
            if keys.contains(member.name) {
                members[member.name] = member
            } else {
                member.error("unknown key \(quoted(member.name))", remedy: remedy(for: member.name, among: keys))
            }
        }
        self.members = members
    }

    subscript(key: String) -> Node? { members[key]?.value }

    func member(_ key: String) -> Node.Member? { members[key] }

    /// The value of a required key; nil, and reported, if it is missing.
    func required(_ key: String, such example: String) -> Node? {
        node.outline?.require(key)
        if let value = self[key] { return value }
        return node.error("the key '\(key)' is missing", remedy: "add \(example)")
    }

    /// Records that these keys of a blank may have any value, since other readers check them.
    func takeAnything(_ keys: [String]) {
        for key in keys { self[key]?.outline?.takeAnything() }
    }

    /// The mapping under a key, if it is there.
    func section(_ key: String, keys: [String]) -> Section? { self[key].flatMap { Section($0, keys: keys) } }
}
