extension Shape {
    /// Compiles filters and renames; nil if they change nothing.
    ///
    /// - Throws: ``ProjectionError``.
    init?(allow: [JSONPath], deny: [JSONPath], mapping: [(from: JSONPath, to: String)]) throws(ProjectionError) {
        guard allow.isEmpty || deny.isEmpty else { throw .allowAndDeny }
        var tree = OptionTree()
        for path in allow { tree.nodes[try tree.insert(path)].isAllowed = true }
        for path in deny { tree.nodes[try tree.insert(path)].isDenied = true }
        for (path, name) in mapping {
            let node = try tree.insert(path)
            guard tree.nodes[node].rename == nil else { throw .renamedTwice(path) }
            tree.nodes[node].rename = (path, name)
        }
        try tree.checkNames()
        self.init()
        guard let root = compile(tree, 0, keepsOthers: allow.isEmpty) else { return nil }
        self.root = root
    }

    /// The node for the members of an object; nil if all of them are copied. Recursion goes with the paths.
    private mutating func compile(_ tree: OptionTree, _ index: Int, keepsOthers: Bool) -> Int? {
        var drafts: [[UInt8]: (action: Entry.Action, name: String?)] = [:]
        for (key, child) in tree.nodes[index].children {
            let option = tree.nodes[child]
            if option.isDenied {
                drafts[key] = (.drop, nil)
                continue
            }
            guard keepsOthers || tree.keepsAnything(child) else { continue }
            let below = compile(tree, child, keepsOthers: keepsOthers || option.isAllowed)
            let action = below.map { Entry.Action.descend(node: $0) } ?? .copy
            if keepsOthers, option.rename == nil, below == nil { continue }
            drafts[key] = (action, option.rename?.name)
        }
        if keepsOthers {
            // A member that would be copied needs an entry if a renamed one may replace it.
            for name in drafts.values.compactMap({ $0.name.map { Array($0.utf8) } }) where drafts[name] == nil {
                drafts[name] = (.copy, nil)
            }
        }
        if keepsOthers && drafts.isEmpty { return nil }
        return add(drafts, keepsOthers: keepsOthers)
    }

    private mutating func add(
        _ drafts: [[UInt8]: (action: Entry.Action, name: String?)], keepsOthers: Bool
    ) -> Int {
        let sorted = drafts.sorted { Self.order($0.key.span, $0.key.indices, $1.key.span, $1.key.indices) < 0 }
        let first = entries.count
        var lengths: UInt64 = 0
        for (key, draft) in sorted {
            lengths |= Self.lengthBit(key.count)
            let keyStart = keys.count
            keys += key
            let nameStart = names.count
            if let name = draft.name {
                JSONText.append(string: name, to: &names)
                names.append(ASCII.colon)
            }
            entries.append(
                Entry(
                    key: keyStart..<keys.count, action: draft.action,
                    name: draft.name == nil ? nil : nameStart..<names.count))
        }
        let node = Node(keepsOthers: keepsOthers, entries: first..<entries.count, lengths: lengths)
        for (position, (_, draft)) in sorted.enumerated() {
            guard let name = draft.name.map({ Array($0.utf8) }),
                let rival = entry(of: node, for: name.indices, in: name.span), entries[rival].name == nil
            else { continue }
            entries[first + position].rival = rival
            entries[rival].rival = first + position
        }
        nodes.append(node)
        return nodes.count - 1
    }
}
