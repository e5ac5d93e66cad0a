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

    @Test func `what does not fit keeps nothing else out, and a changed limit is kept to`() {
        let limit = SharedLimit(10)
        #expect(limit.tryTake(8) && !limit.tryTake(3) && limit.tryTake(2))
        limit.limit = 5
        limit.giveBack(4)
        #expect(!limit.tryTake())
        limit.giveBack(2)
        #expect(limit.tryTake() && !limit.tryTake())
    }

    @Test func `what is taken beyond the limit is counted, and the taker is told`() {
        let limit = SharedLimit(10)
        #expect(limit.take(10))
        #expect(!limit.take(1))
        limit.giveBack(11)
        #expect(limit.count == 0)
    }
}
