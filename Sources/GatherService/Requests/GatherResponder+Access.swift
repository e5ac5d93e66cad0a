import EventLoop
import Gather
import HTTPServer

extension GatherResponder {
    /// Answers a request if its sender is allowed to ask: decided before its body is read.
    func answer(
        _ request: Request, if rule: AccessRule, hasWaited: Bool = false, _ next: @escaping (Identity) -> Answer,
        on loop: isolated EventLoop
    ) -> Answer {
        switch gate.decide(request, by: rule, hasWaited: hasWaited, on: loop) {
        case .granted(let identity): return next(identity)
        case .refused(let response, let reason): return .now(refuse(request, response, reason))
        case .waits(let fetched, let limit):
            return .later {
                await fetched.wait(until: loop.now.advanced(by: limit), on: loop)
                guard !Task.isCancelled else { throw Refusal.clientGone }
                // It waits once.
                switch self.answer(request, if: rule, hasWaited: true, next, on: loop) {
                case .now(let response): return response
                case .later(let work): return try await work()
                }
            }
        }
    }
}
