/// A queue in a ring that grows: what a loop has to do, in the order in which it came.
///
/// It is an object, and its fields are plain numbers and a pointer, so that no access has to be checked for
/// exclusivity. With a value in its place there would be two or three checks for each job of the loop.
@safe final class Ring<Element> {
    /// Owned by this object alone and freed in deinit; `count` elements from `first` on are initialized. The capacity
    /// is a power of two, so that a mask takes an offset round the end.
    private var elements: UnsafeMutablePointer<Element>
    private var mask = 63
    private var first = 0
    private(set) var count = 0

    init() { unsafe elements = .allocate(capacity: mask + 1) }

    deinit {
        while popFirst() != nil {}
        unsafe elements.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    private func place(_ offset: Int) -> UnsafeMutablePointer<Element> { unsafe elements + ((first &+ offset) & mask) }

    /// The element that is `offset` places behind the first.
    subscript(offset: Int) -> Element {
        precondition(offset < count)
        return unsafe place(offset).pointee
    }

    func append(_ element: Element) {
        if count > mask { grow() }
        unsafe place(count).initialize(to: element)
        count += 1
    }

    func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = unsafe place(0).move()
        first = (first &+ 1) & mask
        count -= 1
        return element
    }

    /// Makes the element that is `offset` places behind the first change places with it.
    func swapWithFirst(_ offset: Int) {
        precondition(offset < count)
        if offset > 0 { unsafe swap(&place(0).pointee, &place(offset).pointee) }
    }

    private func grow() {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: 2 * (mask + 1))
        for offset in 0..<count { unsafe (larger + offset).initialize(to: place(offset).move()) }
        unsafe elements.deallocate()
        unsafe elements = larger
        (first, mask) = (0, 2 * mask + 1)
    }
}
