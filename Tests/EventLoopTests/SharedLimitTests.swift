import EventLoop
import Testing

struct SharedLimitTests {
    @Test func `a limit of several loops is the limit, not a share of it`() throws {
        let limit = SharedLimit(3)
        try EventLoop.runGroup(count: 2) { _, index in
            guard index == 0 else { return }
            for _ in 0..<3 { #expect(limit.tryTake()) }
        }
        #expect(!limit.tryTake())
        #expect(limit.count == 3)
    }

    @Test func `a place that one loop gives back is free for every other`() {
        let limit = SharedLimit(1)
        #expect(limit.tryTake())
        limit.giveBack()
        #expect(limit.tryTake())
    }

    @Test func `what is taken beyond the limit is counted, and the taker is told`() {
        let limit = SharedLimit(10)
        #expect(limit.take(10))
        #expect(!limit.take(1))
        limit.giveBack(11)
        #expect(limit.count == 0)
    }
}
