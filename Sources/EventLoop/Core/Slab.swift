/// A list of elements that grows, for what a loop looks up by number again and again.
///
/// It is an object for the same reason as ``Ring``: no access has to be checked for exclusivity.
@safe final class Slab<Element> {
    /// Owned by this object alone and freed in deinit; the first `count` elements are initialized.
    private var elements: UnsafeMutablePointer<Element>
    private var capacity = 64
    private(set) var count = 0

    init() { unsafe elements = .allocate(capacity: capacity) }

    deinit {
        unsafe elements.deinitialize(count: count)
        unsafe elements.deallocate()
    }

    /// What is done with an element must not append another: the elements may move then.
    subscript(index: Int) -> Element {
        @inline(__always)
        unsafeAddress {
            precondition(index >= 0 && index < count, "no such element")
            return unsafe UnsafePointer(elements + index)
        }
        @inline(__always)
        unsafeMutableAddress {
            precondition(index >= 0 && index < count, "no such element")
            return unsafe elements + index
        }
    }

    func append(_ element: Element) {
        if count == capacity {
            let larger = UnsafeMutablePointer<Element>.allocate(capacity: 2 * capacity)
            unsafe larger.moveInitialize(from: elements, count: count)
            unsafe elements.deallocate()
            unsafe elements = larger
            capacity *= 2
        }
        unsafe (elements + count).initialize(to: element)
        count += 1
    }
}
