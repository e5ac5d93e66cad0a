/// Which of several loops this is: limits of the configuration hold for the process, and each loop has an equal share.
public struct LoopShare: Sendable {
    public let index: Int
    public let count: Int

    public init(index: Int, count: Int) {
        self.index = index
        self.count = count
    }

    public static let whole = LoopShare(index: 0, count: 1)

    /// This loop's part of a limit, at least 1: with more loops than the limit has units, their sum is above it.
    public func of(_ limit: Int) -> Int {
        limit == 0 ? 0 : max(1, limit / count + (index < limit % count ? 1 : 0))
    }
}
