/// The list for whose elements a call is made, one by one.
public struct Foreach: Sendable {
    public var list: Reference
    /// How many of the call's requests may be under way at once.
    public var maxParallel = 8
    /// How many elements the list may have; the call fails if it has more.
    public var maxItems = 100
    /// The member that holds what came for an element; nil if all of it goes into an array.
    public var key: TextTemplate?
    /// What takes the place of an element whose request fails; nil if the call fails then.
    public var fallback: Fallback?

    public init(list: Reference) { self.list = list }
}
