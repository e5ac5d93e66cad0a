/// The list for each of whose elements a call is made.
public struct Foreach: Sendable {
    public var list: Reference
    /// How many of the call's requests may be in flight at once.
    public var maxParallel = 8
    /// How many elements the list may have; the call fails if it has more.
    public var maxItems = 100
    /// The name of the member for an element's body; nil if the bodies go into an array.
    public var key: TextTemplate?
    /// What takes the place of an element's body if its request fails; nil if the whole call fails then.
    public var fallback: Fallback?

    public init(list: Reference) { self.list = list }
}
