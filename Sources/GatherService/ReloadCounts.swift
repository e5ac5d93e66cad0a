import Glibc

/// How reloads have gone since the start.
public struct ReloadCounts: Sendable, Equatable {
    public var changed = 0
    public var unchanged = 0
    public var failed = 0
    /// Why the latest failed, if it did.
    public var failure: String?
    /// When the file was last read without an error, at the start or later, in seconds since 1970.
    public var lastSuccess: Int

    public init(lastSuccess: Int = Glibc.time(nil)) { self.lastSuccess = lastSuccess }

    mutating func count(_ outcome: ReloadOutcome) {
        switch outcome {
        case .changed: changed += 1
        case .unchanged: unchanged += 1
        case .failed(let problem):
            failed += 1
            failure = problem
            return
        case .refused: return
        }
        failure = nil
        lastSuccess = Glibc.time(nil)
    }
}
