import EventLoop
import HTTPWire
import JSONText
import Testing

@testable import Gather

@Suite struct AttemptPhasesTests {
    private static let began = LoopInstant(nanoseconds: 1_000_000_000)

    /// - Parameter times: milliseconds after the attempt's beginning.
    private func phases(_ times: (inout ExchangeTimes) -> Void) -> AttemptPhases {
        var exchange = ExchangeTimes()
        times(&exchange)
        return AttemptPhases(exchange, since: Self.began)
    }

    private func at(_ milliseconds: Double) -> Int64 { Self.began.nanoseconds + Int64(milliseconds * 1e6) }

    private func text(_ phases: AttemptPhases, of duration: Duration?) -> String {
        var json = JSONWriter()
        json.object { phases.write(of: duration, to: &$0) }
        return String(decoding: json.bytes, as: UTF8.self)
    }

    @Test func `each phase takes from the end of the one before, and bytes count from the beginning`() {
        var all = phases { times in
            (times.lookedUp, times.connected, times.secured) = (at(1), at(3), at(7))
            (times.answered, times.received) = (at(20), at(25))
        }
        all.waited(since: LoopInstant(nanoseconds: at(-2)))
        let members =
            #""queued_ms":2.0,"dns_ms":1.0,"connect_ms":2.0,"tls_ms":4.0,"first_byte_ms":20.0,"last_byte_ms":25.0"#
        #expect(text(all, of: .milliseconds(30)) == "{\"phases\":{\(members),\"shaping_ms\":3.0}}")
        #expect(text(all, of: nil) == "{\"phases\":{\(members)}}")
    }

    @Test func `what did not happen is not told, nor what took no time`() {
        let kept = phases { times in
            // The connection was made for an earlier exchange.
            (times.lookedUp, times.connected) = (at(-9), at(-8))
            (times.answered, times.received) = (at(5), at(5))
        }
        #expect(text(kept, of: .microseconds(5020)) == #"{"phases":{"first_byte_ms":5.0,"last_byte_ms":5.0}}"#)
        #expect(text(phases { _ in }, of: .milliseconds(5)) == "{}")
    }
}
