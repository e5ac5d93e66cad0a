import EventLoop
import HTTPServer
import HTTPWire

/// Keeps the limits that hold whatever is asked for: before anything is looked for.
final class RateLimitHandler: Handler {
    private let limiters: RateLimiters
    private let next: any Handler

    init(_ limiters: RateLimiters, next: any Handler) { (self.limiters, self.next) = (limiters, next) }

    func bodyLimit(of head: RequestHead) -> Int? { next.bodyLimit(of: head) }

    func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
        try limiters.answer(request, on: loop) { try next.answer(request, on: loop) }
    }
}
