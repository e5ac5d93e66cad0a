import Testing

@testable import EventLoop

struct WaitQueueTests {
    @Test(arguments: 0..<50 as Range<UInt64>)
    func `who has not given up comes out in the order of arrival`(seed: UInt64) {
        var (queue, expected, generator) = (WaitQueue<Int>(), [Int](), SplitMix64(seed: seed))
        var numbers: [Int] = []
        for _ in 0..<2000 {
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: #expect(queue.popFirst() == (expected.isEmpty ? nil : expected.removeFirst()))
            case 1, 2:
                // Anyone who ever came, so that some have been taken or have given up before.
                guard let waiter = numbers.indices.randomElement(using: &generator) else { continue }
                queue.remove(numbers[waiter])
                expected.removeAll { $0 == waiter }
            default:
                numbers.append(queue.append(numbers.count))
                expected.append(numbers.count - 1)
            }
        }
        while let waiter = queue.popFirst() { #expect(waiter == expected.removeFirst()) }
        #expect(expected.isEmpty)
    }

    @Test func `those who have given up leave no memory behind, whoever still waits before and after them`() {
        var queue = WaitQueue<Int>()
        _ = queue.append(0)
        var last = queue.append(1)
        for waiter in 2..<10_000 {
            let next = queue.append(waiter)
            queue.remove(last)
            last = next
            #expect(queue.entries.count < 50)
        }
        #expect(queue.popFirst() == 0)
        #expect(queue.popFirst() == 9_999)
        #expect(queue.popFirst() == nil)
    }
}
