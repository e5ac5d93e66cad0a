/// An object that knows the one that comes after it in a ``Chain``.
protocol ChainLink: AnyObject {
    /// The chain's. An object is in one chain at a time.
    var next: Self? { get set }
}

/// Objects that are put aside and taken up again, the latest first.
///
/// Each knows the next, so that putting one in and taking one out moves references: nothing is retained, allocated or
/// checked for exclusive access, as it would be for the elements of an array in a variable.
final class Chain<Element: ChainLink> {
    private var first: Element?
    private(set) var count = 0

    var isEmpty: Bool { first == nil }

    func push(_ element: consuming Element) {
        precondition(element.next == nil, "an object is in one chain at a time")
        element.next = first.take()
        first = element
        count += 1
    }

    func pop() -> Element? {
        guard let element = first.take() else { return nil }
        first = element.next.take()
        count -= 1
        return element
    }

    /// Takes out those that are not to stay. O(count).
    func keepOnly(where stays: (Element) -> Bool) {
        while let element = first, !stays(element) {
            first = element.next.take()
            count -= 1
        }
        var last = first
        while let kept = last, let element = kept.next {
            if stays(element) {
                last = element
            } else {
                kept.next = element.next.take()
                count -= 1
            }
        }
    }
}
