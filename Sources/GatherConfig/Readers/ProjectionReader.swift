import JSONText

/// Reads which parts of a call's body are kept: `target`, `allow`, `deny`, `mapping`.
enum ProjectionReader {
    /// Nil if the body is kept as it is.
    static func read(_ section: Section) -> Projection? {
        let target = section["target"].flatMap(path)
        let allow = paths(section["allow"])
        let deny = paths(section["deny"])
        var mapping: [(from: JSONPath, to: String)] = []
        for member in section["mapping"]?.members(expected: "a mapping of paths to new names") ?? [] {
            let name = member.value.text("a new name")
            do throws(JSONPathError) {
                let path = try JSONPath(member.name)
                if let name { mapping.append((path, name)) }
            } catch {
                member.error(error.description, remedy: "write the path of a key, such as items.sku")
            }
        }
        do throws(ProjectionError) {
            let projection = try Projection(target: target, allow: allow, deny: deny, mapping: mapping)
            return projection.isIdentity ? nil : projection
        } catch {
            let key =
                switch error {
                case .allowAndDeny: "deny"
                case .renamedTwice, .sameName: "mapping"
                case .noKey(let path), .index(let path):
                    allow.contains(path) ? "allow" : deny.contains(path) ? "deny" : "mapping"
                }
            section[key]?.error(error.description)
            return nil
        }
    }

    private static func paths(_ node: Node?) -> [JSONPath] {
        (node?.texts("paths") ?? []).compactMap { path($0.node) }
    }

    private static func path(_ node: Node) -> JSONPath? {
        guard let text = node.text("a path such as items.sku") else { return nil }
        do throws(JSONPathError) {
            return try JSONPath(text)
        } catch {
            node.error(error.description, remedy: "write the path of a key, such as items.sku", column: error.column)
            return nil
        }
    }
}
