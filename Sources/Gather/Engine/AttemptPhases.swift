import EventLoop
import HTTPWire
import JSONText

/// When an attempt reached each phase, in microseconds from its start; 0 for a phase that it did not have, as on a
/// kept-alive connection.
///
/// Small, because every call's report has them.
public struct AttemptPhases: Sendable, Equatable {
    /// How long the call had waited for a slot before the attempt.
    public private(set) var queued: UInt32 = 0
    /// When the host's addresses were known, the connection was open and secured, and the first and the last byte of
    /// the response had arrived.
    public private(set) var lookedUp: UInt32 = 0
    public private(set) var connected: UInt32 = 0
    public private(set) var secured: UInt32 = 0
    public private(set) var answered: UInt32 = 0
    public private(set) var received: UInt32 = 0
    /// When the attempt began; 0 for none.
    private var began: Int64 = 0

    /// Less is 0 where it is told.
    private static let shown = 50

    init() {}

    init(_ times: ExchangeTimes, since start: LoopInstant) {
        // A connection may have been made before it was wanted.
        func microseconds(_ time: Int64) -> UInt32 {
            time > start.nanoseconds ? UInt32(clamping: max(1, (time - start.nanoseconds) / 1000)) : 0
        }
        began = start.nanoseconds
        (answered, received) = (microseconds(times.answered), microseconds(times.received))
        guard times.connected != 0 else { return }
        (lookedUp, connected) = (microseconds(times.lookedUp), microseconds(times.connected))
        secured = microseconds(times.secured)
    }

    /// The call could have gone on since then.
    mutating func waited(since start: LoopInstant) {
        if began > 0 { queued = UInt32(clamping: (began - start.nanoseconds) / 1000) }
    }

    /// Writes `"phases":{"queued_ms":0.1,"dns_ms":0.3,"connect_ms":0.2,"tls_ms":2.1,"first_byte_ms":20.4,
    /// "last_byte_ms":21.5,"shaping_ms":0.3}`: how long each took, and until the first and the last byte from the
    /// attempt's beginning.
    /// - Parameter duration: how long all of it took, with the time in the queue, if that is known.
    public func write(of duration: Duration?, to json: inout JSONWriter) {
        guard answered > 0 || connected > 0 || queued >= Self.shown else { return }
        json.member("phases") { json in
            json.object { json in
                func member(_ name: String, _ microseconds: UInt32) {
                    json.member(name, FixedPoint(measured: .microseconds(Int64(microseconds))))
                }
                if queued >= Self.shown { member("queued_ms", queued) }
                if lookedUp > 0 { member("dns_ms", lookedUp) }
                if connected > 0 { member("connect_ms", connected - min(connected, lookedUp)) }
                if secured > 0 { member("tls_ms", secured - min(secured, connected)) }
                if answered > 0 { member("first_byte_ms", answered) }
                guard received > 0 else { return }
                member("last_byte_ms", received)
                let rest = (duration?.wholeNanoseconds ?? 0) / 1000 - Int64(queued) - Int64(received)
                if rest >= Self.shown { member("shaping_ms", UInt32(clamping: rest)) }
            }
        }
    }
}
