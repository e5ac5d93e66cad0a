/// What to keep of a JSON value, and under which names.
///
/// Three steps, in this order: `target` goes to a part of the value, `allow` or `deny` filters it, `mapping` renames
/// keys. All of them happen in one pass over the text. Keys keep their order, and what no option touches keeps its
/// spelling.
///
/// Filters and renames go through arrays: `items.sku` is the `sku` of every element if `items` is an array, and a
/// top-level array is treated element by element. `items[*].sku` means the same. `target` takes its path literally.
///
/// - `allow` drops what is not on its paths, and scalars where a path leads on. Objects and arrays on the way stay,
///   even empty. A top-level scalar becomes null.
/// - `deny` drops what its paths name and nothing else.
/// - A renamed key replaces a member that had the name before.
/// - Of several members with a name that an option names, the last counts.
public struct Projection: Sendable {
    let target: JSONPath?
    let shape: Shape?

    /// Compiles shaping options; an empty list or path is an option not used.
    ///
    /// - Parameter mapping: for each path the key that takes the place of its last. Paths have the names before
    ///   renaming.
    /// - Complexity: O(n log n) in the length of the options.
    /// - Throws: ``ProjectionError``.
    public init(
        target: JSONPath? = nil, allow: [JSONPath] = [], deny: [JSONPath] = [],
        mapping: [(from: JSONPath, to: String)] = []
    ) throws(ProjectionError) {
        self.target = target?.steps.isEmpty == false ? target : nil
        shape = try Shape(allow: allow, deny: deny, mapping: mapping)
    }

    /// Whether every value stays as it is, so that its bytes may be copied.
    public var isIdentity: Bool { target == nil && shape == nil }

    /// Appends what the projection makes of a value; false, with nothing appended, if the target is missing.
    ///
    /// A target with `[*]` is never missing: it makes an array of what it finds.
    ///
    /// - Complexity: O(length) for each step of the target, then O(length × log of the keys named in one object).
    public func append(_ value: JSONValue, to output: inout [UInt8]) -> Bool {
        guard let target else {
            appendShaped(value, to: &output)
            return true
        }
        if target.hasEach {
            output.append(ASCII.openBracket)
            for found in value.values(at: target) where appendShaped(found, elseNull: false, to: &output) {
                output.append(ASCII.comma)
            }
            Output.close(with: ASCII.closeBracket, &output)
            return true
        }
        guard let found = value.value(at: target) else { return false }
        appendShaped(found, to: &output)
        return true
    }

    /// Appends what filters and renames make of a value; false if that is nothing and null does not stand for it.
    @discardableResult
    private func appendShaped(_ value: JSONValue, elseNull: Bool = true, to output: inout [UInt8]) -> Bool {
        guard let shape else {
            value.append(to: &output)
            return true
        }
        let start = output.count
        var walk = ProjectionWalk(shape)
        _ = walk.walk(value.bytes.span, from: value.range.lowerBound, node: shape.root, to: &output)
        if output.count > start { return true }
        if elseNull { output.append(contentsOf: Array("null".utf8)) }
        return elseNull
    }
}
