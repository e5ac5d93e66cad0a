/// Filters and renames as they are written, put together by key.
struct OptionTree {
    struct Node {
        /// By the key's UTF-8: strings that differ only in normalisation are different keys.
        var children: [[UInt8]: Int] = [:]
        var isAllowed = false
        var isDenied = false
        var rename: (path: JSONPath, name: String)?
    }

    /// The root first.
    var nodes = [Node()]

    /// The node at a path, made if need be.
    mutating func insert(_ path: JSONPath) throws(ProjectionError) -> Int {
        var node = 0
        for step in path.steps {
            switch step {
            case .each: continue
            case .index: throw .index(path)
            case .key(let name):
                let key = Array(name.utf8)
                if let child = nodes[node].children[key] {
                    node = child
                } else {
                    nodes[node].children[key] = nodes.count
                    node = nodes.count
                    nodes.append(Node())
                }
            }
        }
        guard node != 0 else { throw .noKey(path) }
        return node
    }

    /// Whether a node or one below it is allowed.
    func keepsAnything(_ node: Int) -> Bool {
        nodes[node].isAllowed || nodes[node].children.values.contains(where: keepsAnything)
    }

    /// Checks that no two keys of one object get the same name.
    func checkNames() throws(ProjectionError) {
        for node in nodes {
            var taken: [[UInt8]: JSONPath] = [:]
            let renames = node.children.values.sorted().compactMap { nodes[$0].rename }
            for (path, name) in renames {
                if let other = taken.updateValue(path, forKey: Array(name.utf8)) { throw .sameName(other, path) }
            }
        }
    }
}
