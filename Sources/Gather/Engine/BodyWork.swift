import EventLoop
import JSONText

/// Work whose duration depends on how large a body others send: done on the loop if it is short, otherwise on separate
/// threads.
///
/// The slowest of it is shaping a long list of digits or brackets: some 100 MB a second, where others are three to ten
/// times as fast. So what the loop does itself for one body takes 2 ms at the most, all steps together. Asking another
/// thread costs some 30 µs. On virtual time all of it runs on the loop, in the order of the calls.
package enum BodyWork {
    /// Bodies up to this size are worked on by the loop.
    package static let mostOnLoop = 128 << 10
    /// The bytes of all bodies that the loop works on in one turn: some 8 ms at the slowest. Those up to
    /// ``leastCounted`` are not counted, since a turn has room for as many as it runs jobs.
    private static let mostInTurn = 512 << 10
    static let leastCounted = 2 << 10
    /// In larger bodies all references are looked up in one pass, not once for each reference.
    private static let mostLookedUpSingly = 4 << 10
    /// Lists in bodies up to this size have no more items than the loop makes requests of at once; each takes some
    /// microseconds.
    static let mostItemsOnLoop = 4 << 10

    /// Not the shared pool: names are resolved there, and would wait for bodies.
    private static let pool = BlockingPool(threads: 4)

    /// Whether this turn has room for work on a body; if so, takes it. Many bodies that arrive together must not add
    /// up.
    package static func fits(_ bytes: Int, in reactor: Reactor) -> Bool {
        bytes <= leastCounted || (bytes <= mostOnLoop && reactor.takeShare(bytes, of: mostInTurn))
    }

    /// The same value, with what is referred to found in advance if that is less work.
    package static func lookUp(_ paths: @autoclosure () -> [JSONPath], in value: consuming JSONValue) -> JSONValue {
        value.range.count > mostLookedUpSingly ? value.lookingUp(paths()) : value
    }

    /// Does work off the loop.
    /// - Throws: `CancellationError` if the task was cancelled before it began.
    package static func offLoop<Value: Sendable>(
        on loop: isolated EventLoop, _ work: @escaping @Sendable () -> Value
    ) async throws(CancellationError) -> Value {
        do {
            return try await loop.runBlocking(on: pool, work)
        } catch {
            throw CancellationError()
        }
    }
}

extension Endpoint {
    /// The parts of a source that the endpoint refers to.
    package func paths(into source: Reference.Source) -> [JSONPath] {
        let references = calls.flatMap(\.references) + (response?.references ?? [])
        return references.filter { $0.source == source }.map(\.path) + (head?.paths(into: source) ?? [])
    }
}
