/// A fixed number of elements, which are changed in place.
///
/// For a class that holds them as a constant. Each change of an array in a class's variable checks for exclusive
/// access, for unique ownership and for bounds; here it checks for bounds alone.
@safe final class FixedArray<Element>: ManagedBuffer<Int, Element> {
    static func make(repeating element: Element, count: Int) -> FixedArray {
        guard let array = create(minimumCapacity: count, makingHeaderWith: { _ in count }) as? FixedArray else {
            preconditionFailure("a class creates its own instances")
        }
        unsafe array.withUnsafeMutablePointerToElements { unsafe $0.initialize(repeating: element, count: count) }
        return array
    }

    static func make(of elements: [Element]) -> FixedArray {
        guard
            let array = create(minimumCapacity: elements.count, makingHeaderWith: { _ in elements.count })
                as? FixedArray
        else { preconditionFailure("a class creates its own instances") }
        unsafe array.withUnsafeMutablePointerToElements { first in
            for (index, element) in elements.enumerated() { unsafe (first + index).initialize(to: element) }
        }
        return array
    }

    deinit {
        // The header is the number of elements, all of which were initialized before the array was handed out.
        _ = unsafe withUnsafeMutablePointers { count, elements in
            unsafe elements.deinitialize(count: count.pointee)
        }
    }

    /// By its address: a read of the variable itself is checked for exclusive access each time.
    private var count: Int { unsafe withUnsafeMutablePointerToHeader { unsafe $0.pointee } }

    var indices: Range<Int> { 0..<count }

    var elements: [Element] { indices.map { self[$0] } }

    // The address is used in the access that asked for it, in which the array is held.
    subscript(index: Int) -> Element {
        @inline(__always)
        unsafeAddress {
            precondition(index >= 0 && index < count, "no such element")
            return unsafe UnsafePointer(withUnsafeMutablePointerToElements { unsafe $0 + index })
        }
        @inline(__always)
        unsafeMutableAddress {
            precondition(index >= 0 && index < count, "no such element")
            return unsafe withUnsafeMutablePointerToElements { unsafe $0 + index }
        }
    }
}
