import EventLoop
import HTTPTypes
import HTTPWire

@testable import Gather

/// Upstreams whose every attempt goes well or wrong as a seed says. Confined to its loop.
final class FaultyUpstreams: UpstreamClient {
    static let deadlineHeader: HTTPField.Name = {
        guard let name = HTTPField.Name("X-Time-Left") else { preconditionFailure("a name") }
        return name
    }()

    private let trouble: [[Double]]
    private var generator: SplitMix64
    /// How many attempts of calls have begun, and how many attempts of all have ended, health checks among them.
    private(set) var begun = 0
    private(set) var checks = 0
    private(set) var ended = 0
    /// How many attempts of calls are in flight, and the most that were, by upstream.
    private var inFlight: [Int]
    private(set) var peak: [Int]
    /// All that was seen, in numbers.
    private(set) var trace: [Int64] = []
    private(set) var problems: [String] = []

    init(trouble: [[Double]], seed: UInt64) {
        self.trouble = trouble
        generator = SplitMix64(seed: seed)
        inFlight = trouble.map { _ in 0 }
        peak = inFlight
    }

    /// How an attempt ends if it is let.
    private enum Ending {
        case response(Int, String)
        /// Wants to be left alone for so many seconds.
        case busy(Int, retryAfter: Int)
        case failure(UpstreamFailure)
    }

    func start(
        _ request: ClientRequest, for call: String?, to upstream: UpstreamIndex, host: HostIndex,
        until deadline: LoopInstant, on reactor: Reactor
    ) throws(UpstreamFailure) -> any ClientExchange {
        let isCheck = call == nil
        let (upstream, host, now) = (upstream.number, host.number, reactor.now)
        note(0, upstream, host, at: now)
        checkTimeLeft(request, until: deadline, at: now)
        if isCheck {
            checks += 1
        } else {
            begun += 1
            inFlight[upstream] += 1
            peak[upstream] = max(peak[upstream], inFlight[upstream])
        }
        let (latency, ending) = draw(trouble[upstream][host], left: now.duration(to: deadline))
        let outcome: TimedExchange.Outcome =
            switch ending {
            case .response(let status, let body): .success(ClientResponse(status: status, body: bytes(body)))
            case .busy(let status, let pause): .success(.busy(status, for: pause))
            case .failure(let failure): .failure(failure)
            }
        return TimedExchange(outcome, at: now.advanced(by: latency), on: reactor) { _ in
            self.ended += 1
            if !isCheck { self.inFlight[upstream] -= 1 }
            self.note(1, upstream, host, at: reactor.now)
        }
    }

    private func note(_ kind: Int64, _ upstream: Int, _ host: Int, at now: LoopInstant) {
        trace.append(kind + Int64(upstream) << 8 + Int64(host) << 16)
        trace.append(now.nanoseconds)
    }

    /// What the upstream is told of its time is what it has, in whole milliseconds, and at least one.
    private func checkTimeLeft(_ request: ClientRequest, until deadline: LoopInstant, at now: LoopInstant) {
        guard let told = request.fields[Self.deadlineHeader] else { return }
        let left = now.duration(to: deadline).wholeNanoseconds / 1_000_000
        if Int64(told) != max(1, left) { problems.append("told \(told) ms of \(left)") }
    }

    private func draw(_ trouble: Double, left: Duration) -> (Duration, Ending) {
        let latency = Duration.microseconds(Int.random(in: 0...80, using: &generator) * 500)
        let body = Self.bodies[Int.random(in: 0..<Self.bodies.count, using: &generator)]
        let good = Ending.response(200, body)
        guard Double.random(in: 0..<1, using: &generator) < trouble else { return (latency, good) }
        switch Int.random(in: 0...13, using: &generator) {
        case 0: return (latency, .failure(.unreachable("reset")))
        case 1: return (.zero, .failure(.notConnected("refused")))
        case 2: return (latency, .failure(.notConnected("no such name")))
        case 3: return (latency, .failure(.badResponse("malformed")))
        case 4, 5:
            return (
                latency, .response(200, Self.wrong[Int(generator.next() % UInt64(Self.wrong.count))])
            )
        case 6: return (latency, .response(204, "x"))
        case 7: return (latency, .response([301, 404, 401][Int(generator.next() % 3)], "{}"))
        case 8: return (latency, .response([500, 502, 504][Int(generator.next() % 3)], ""))
        case 9, 10:
            let pauses = [0, 0, 1, 31_536_000]
            return (
                latency,
                .busy([429, 503][Int(generator.next() % 2)], retryAfter: pauses[Int(generator.next() % 4)])
            )
        // As the time is up, and just after.
        case 11: return (left, good)
        case 12: return (left + .nanoseconds(1), good)
        // Never.
        default: return (.seconds(86_400), good)
        }
    }

    private static let bodies = [
        #"{"v":1}"#, #"{"v":[1,"x"]}"#, #"{ "v" : "a/b" }"#, "{ }", "null", "[]", "7",
        #"{"v":[{"a":"é\n"},[],null,1e9,-0]}"#,
        #"{"v":""}"#, #"{"v":"..","v":2}"#,
    ]

    private static let wrong = [
        "", "<html>", #"{"v":1} x"#, #"{"v":1"#, String(repeating: "[", count: 2000), "\u{FEFF}{}", #"{"v":"\ud800"}"#,
        "nul",
        "[" + String(repeating: "1,", count: 3000) + "1]", #"{"v":"\#u{1}"}"#, #"{"v":[1,2,3,4,5,6,7,8,9,10,11,12]}"#,
    ]
}
