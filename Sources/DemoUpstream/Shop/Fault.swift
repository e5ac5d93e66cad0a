import HTTPServer
import HTTPTypes
import HTTPWire

/// What the client asks the shop to do wrong, with `delay` and `fail` in the query of any request.
struct Fault {
    enum Failure: Equatable {
        case none
        /// `fail=503`: answers with this status.
        case status(Int)
        /// `fail=garbage`: answers 200 with a body that says it is JSON and is not.
        case garbage
        /// `fail=slow`: does not answer while the client waits.
        case slow
    }

    static let maxDelay: Duration = .seconds(60)
    static let garbage = Array(#"{"id":1,"name":"Ada"#.utf8)

    /// What comes on top of the latency.
    var delay: Duration = .zero
    var failure = Failure.none

    init(_ query: QueryItems) throws(Problem) {
        if let text = query["delay"] {
            guard let delay = Duration(text: text), delay <= Self.maxDelay else {
                throw Problem(.badRequest, "delay is \"\(text)\"; write at most 60s, as in delay=150ms or delay=2s")
            }
            self.delay = delay
        }
        if let text = query["fail"] { failure = try Self.failure(text) }
    }

    private static func failure(_ text: String) throws(Problem) -> Failure {
        switch text {
        case "0": return .none
        case "garbage": return .garbage
        case "slow": return .slow
        default:
            guard let code = Int(text), 400...599 ~= code else {
                throw Problem(
                    .badRequest, "fail is \"\(text)\"; write a status from 400 to 599, garbage, slow, or 0 for no fault"
                )
            }
            return .status(code)
        }
    }
}

extension Problem {
    /// The fault that `fail=` with a status asks for.
    init(injected code: Int) {
        self.init(HTTPResponse.Status(code: code), "the request asked for this fault")
    }
}
