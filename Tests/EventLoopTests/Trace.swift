import EventLoop

/// What a test saw happen, in order.
final class Trace {
    private(set) var events: [String] = []

    func note(_ event: String) { events.append(event) }
}

struct Broken: Error, Equatable {
    var which = 0
}

/// What an operation throws; nil if it returns.
func failure<Value>(of operation: () async throws -> Value) async -> (any Error)? {
    do {
        _ = try await operation()
        return nil
    } catch {
        return error
    }
}

extension EventLoop {
    /// The whole seconds of loop time since its beginning, to be noted: on virtual time it is exact.
    var seconds: Double { Double(now.nanoseconds) / 1e9 }

    /// Sleeps without end, notes its cancellation, and passes it on.
    func sleepUntilCancelled(_ name: String, _ trace: Trace) async throws {
        do {
            try await sleep(for: .seconds(1_000_000))
        } catch {
            trace.note("\(name) cancelled")
            throw error
        }
    }
}
