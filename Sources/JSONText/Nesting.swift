/// The open arrays and objects around a position: one bit each, so that 64 levels fit a register and allocate nothing.
struct Nesting {
    private(set) var depth = 0
    private let limit: Int
    /// The innermost levels, the lowest bit innermost; a set bit is an object.
    private var inner: UInt64 = 0
    /// Full words of the levels outside `inner`, the outermost first.
    private var outer: [UInt64] = []

    init(limit: Int) { self.limit = limit }

    @inline(__always)
    var isInObject: Bool { inner & 1 == 1 }

    /// Opens a level; false, and nothing changes, if it would be one too many.
    @inline(__always)
    mutating func open(object: Bool) -> Bool {
        guard depth < limit else { return false }
        if depth & 63 == 0 && depth > 0 { spill() }
        inner = inner << 1 | (object ? 1 : 0)
        depth += 1
        return true
    }

    /// Closes the innermost level; there must be one.
    @inline(__always)
    mutating func close() {
        inner >>= 1
        depth -= 1
        if depth & 63 == 0 && depth > 0 { refill() }
    }

    @inline(never)
    private mutating func spill() {
        outer.append(inner)
        inner = 0
    }

    @inline(never)
    private mutating func refill() { inner = outer.popLast() ?? 0 }
}
