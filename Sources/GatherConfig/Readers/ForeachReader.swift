import Gather

/// Reads `foreach`, which makes a call once for each element of a list, and the keys that go with it.
struct ForeachReader {
    static let companions = ["key", "max_parallel", "max_items", "on_item_error"]

    let section: Section
    /// What the list may refer to: everything except its own items.
    let scope: ReferenceScope

    /// Nil if the call has no `foreach`.
    func read() -> Foreach? {
        guard let node = section["foreach"] else {
            for key in Self.companions {
                section.member(key)?.error("'\(key)' needs 'foreach'", remedy: "add foreach, or remove it")
            }
            return nil
        }
        var itemScope = scope
        itemScope.hasItem = true
        let list = node.reference(in: scope, such: "foreach: \"{orders.items}\"")
        let key = section["key"]?.textTemplate(in: itemScope)
        let maxParallel = section["max_parallel"]?.integer(in: 1...1000)
        let maxItems = section["max_items"]?.integer(in: 1...10_000)
        let fallback = section["on_item_error"]?.fallback(in: itemScope)
        guard let list else { return nil }
        switch list.source {
        case .path, .query, .header, .attribute:
            node.error(
                "{\(list.text)} is a string, not a list", remedy: "refer to a list of a call or of the request's body")
        case .claims, .body, .call, .item: break
        }
        var foreach = Foreach(list: list)
        foreach.key = key
        foreach.maxParallel = maxParallel ?? foreach.maxParallel
        foreach.maxItems = maxItems ?? foreach.maxItems
        foreach.fallback = fallback
        return foreach
    }

    /// Warns of a list whose items are not used.
    func warn(about call: Call) {
        guard call.foreach != nil, !call.requestReferences.contains(where: { $0.source == .item }) else { return }
        section.member("foreach")?.warning(
            "the call is the same for every item", remedy: "put {item} into it, or remove foreach")
    }
}
