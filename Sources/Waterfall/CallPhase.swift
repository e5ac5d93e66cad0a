import EventLoop
import JSONText

/// What a call or an attempt did for a part of its time.
public struct CallPhase: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case queue, dns, connect, tls, answer, body, shaping

        /// For people: `looked the host up`.
        public var text: String {
            switch self {
            case .queue: "waited for a slot"
            case .dns: "looked the host up"
            case .connect: "connected"
            case .tls: "secured it with TLS"
            case .answer: "waited for the first byte"
            case .body: "received the rest"
            case .shaping: "checked and shaped it"
            }
        }
    }

    public let kind: Kind
    public let start: Duration
    public let end: Duration

    /// Shorter ones are left out: their times are told to a tenth of a millisecond.
    private static let shortest = Duration.microseconds(50)

    /// The phases of a call or an attempt, in their order, from the `"phases"` of its record.
    static func read(_ times: JSONValue?, from start: Duration, to end: Duration) -> [CallPhase] {
        guard let times else { return [] }
        func time(_ name: String) -> Duration? { times[name].flatMap(GatherTrace.milliseconds) }
        func length(_ name: String) -> Duration { time(name) ?? .zero }
        let (queue, dns, connect, tls) = (
            length("queued_ms"), length("dns_ms"), length("connect_ms"), length("tls_ms")
        )
        // An attempt without an answer waited for it until its end.
        let answered = time("first_byte_ms") ?? end - start - queue
        let received = time("last_byte_ms") ?? answered
        let lengths: [(Kind, Duration)] = [
            (.queue, queue), (.dns, dns), (.connect, connect), (.tls, tls), (.answer, answered - dns - connect - tls),
            (.body, received - answered), (.shaping, length("shaping_ms")),
        ]
        var from = start
        return lengths.compactMap { kind, length in
            let phase = CallPhase(kind: kind, start: from, end: min(end, from + max(.zero, length)))
            from = phase.end
            return phase.end - phase.start >= shortest ? phase : nil
        }
    }
}
