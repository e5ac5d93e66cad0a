/// Why shaping options contradict each other or mean nothing.
public enum ProjectionError: Error, Hashable, Sendable {
    /// Both lists have paths; one of them decides.
    case allowAndDeny
    /// A path names no key.
    case noKey(JSONPath)
    /// A path picks one element of an array; filters and renames treat all elements alike.
    case index(JSONPath)
    /// One path is renamed twice.
    case renamedTwice(JSONPath)
    /// Two keys of one object get the same name.
    case sameName(JSONPath, JSONPath)
}

extension ProjectionError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .allowAndDeny: "allow and deny exclude each other: keep one of them"
        case .noKey(let path): "the path '\(path)' names no key"
        case .index(let path): "the path '\(path)' picks one element: leave the index out to address every element"
        case .renamedTwice(let path): "the path '\(path)' is renamed twice: keep one of the names"
        case .sameName(let first, let second):
            "the paths '\(first)' and '\(second)' get the same name: rename one of them differently"
        }
    }
}
