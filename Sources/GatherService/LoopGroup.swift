import EventLoop
import Gather
import GatherConfig
import HTTPServer
import Logging
import Synchronization

/// The loops of one service: what they share whichever generation they serve, and how to ask all of them.
///
/// It has a lock, but not on the path of a request.
final class LoopGroup: Sendable {
    let count: Int
    let logger: Logger
    /// The gathers in flight on all loops.
    let gathers: SharedLimit
    /// The spans that wait to be sent on all loops.
    let spans: SharedLimit
    let readiness: Readiness
    let keyFetches = KeyFetchCounts()
    /// Opens when every loop is serving.
    let begun = Latch()
    private let members: Mutex<[LoopReference<ServiceLoop>?]>

    /// - Parameter generation: the one that is served first.
    init(_ count: Int, serving generation: Generation, logger: Logger) {
        self.count = count
        self.logger = logger
        let configuration = generation.configuration
        gathers = SharedLimit(configuration.server.limits.gathers)
        spans = SharedLimit(configuration.traces?.queue ?? 0)
        readiness = Readiness(coldLoops: configuration.plan.upstreams.contains { $0.warmUp != nil } ? count : 0)
        members = Mutex(Array(repeating: nil, count: count))
    }

    func join(_ member: ServiceLoop, on loop: isolated EventLoop) {
        let reference = LoopReference(member, on: loop.reactor)
        let haveAllBegun = members.withLock { members in
            members[member.index] = reference
            return members.allSatisfy { $0 != nil }
        }
        if haveAllBegun { begun.open() }
    }

    // MARK: All loops

    /// Makes each loop do something in its next turn, and waits until all have done it.
    /// - Parameter limit: how long they may take, nil for as long as they do.
    /// - Returns: the result of each; nil for those that have ended or were not in time.
    func onEachLoop<Value: Sendable>(
        within limit: Duration?, on loop: isolated EventLoop, _ body: @escaping @Sendable (ServiceLoop) -> Value
    ) async -> [Value?] {
        let answers = LoopAnswers<Value>(count)
        for (index, member) in members.withLock({ $0 }).enumerated() {
            let isAsked = member?.handOver { answers.put($0.map(body), of: index) } ?? false
            if !isAsked { answers.put(nil, of: index) }
        }
        await answers.complete.wait(until: limit.map { loop.time.advanced(by: $0) }, on: loop)
        return answers.values
    }

    /// A snapshot of each loop, all at about the same moment. One that is blocked for longer than the limit is missing.
    func snapshots(within limit: Duration, on loop: isolated EventLoop) async -> [LoopSnapshot] {
        await onEachLoop(within: limit, on: loop) { $0.snapshot() }.compactMap(\.self)
    }

    // MARK: Generations

    /// How long the loops may take to prepare a generation, each after whatever it has to do before.
    private static let preparation: Duration = .seconds(10)

    /// Makes all loops serve another generation, or none.
    /// - Parameters:
    ///   - clients: the listener that replaces the one before, if the address changes.
    ///   - limitsChange: sets the limits that hold for all loops together, when it is certain that all will serve it.
    /// - Throws: ``SwapError``; then nothing has changed.
    func swap(
        to generation: Generation, clients: Listening? = nil, on loop: isolated EventLoop, limitsChange: () -> Void = {}
    ) async throws(SwapError) {
        guard await begun.wait(until: loop.time.advanced(by: Self.preparation), on: loop) == .signalled else {
            throw SwapError(problem: "not every loop has begun")
        }
        let prepared = await onEachLoop(within: Self.preparation, on: loop) { member in
            Result { try member.prepare(generation) }.mapError { SwapError(problem: "\($0)") }
        }
        var failure: SwapError?
        for (index, result) in prepared.enumerated() {
            switch result {
            case .success?: continue
            case .failure(let error)?: failure = failure ?? error
            case nil: failure = failure ?? SwapError(problem: "loop \(index) has not answered")
            }
        }
        if let failure {
            // Queued after the preparation of a loop that was late with it.
            _ = await onEachLoop(within: .zero, on: loop) { $0.forgetPrepared() }
            throw failure
        }
        limitsChange()
        gathers.limit = generation.configuration.server.limits.gathers
        spans.limit = generation.configuration.traces?.queue ?? 0
        _ = await onEachLoop(within: nil, on: loop) { $0.takeOver(from: clients) }
    }
}

/// Why the loops have not taken over another generation.
struct SwapError: Error, CustomStringConvertible {
    let problem: String
    var description: String { problem }
}

/// The results of the loops that were asked, each for itself.
private final class LoopAnswers<Value: Sendable>: Sendable {
    private struct State {
        var values: [Value?]
        var missing: Int
    }

    private let state: Mutex<State>
    let complete = Latch()

    init(_ count: Int) { state = Mutex(State(values: Array(repeating: nil, count: count), missing: count)) }

    var values: [Value?] { state.withLock { $0.values } }

    func put(_ value: Value?, of index: Int) {
        let isComplete = state.withLock { state in
            state.values[index] = value
            state.missing -= 1
            return state.missing == 0
        }
        if isComplete { complete.open() }
    }
}

/// Whether the connections are open that upstreams are to have before clients come, which each loop does for itself.
///
/// Locked, but not on the way of a request.
final class Readiness: Sendable {
    private struct State {
        var coldLoops: Int
        var coldHosts: [ColdHost] = []
    }

    private let state: Mutex<State>
    /// Opens when no loop has any to open.
    let ready = Latch()

    /// - Parameter coldLoops: how many loops have connections to open before the service is ready.
    init(coldLoops: Int) {
        state = Mutex(State(coldLoops: coldLoops))
        if coldLoops == 0 { ready.open() }
    }

    var isReady: Bool { state.withLock { $0.coldLoops == 0 } }

    /// A loop has opened what it could.
    /// - Parameter coldHosts: where it could not.
    /// - Returns: those of them that no other loop has told of.
    func loopIsWarm(butFor coldHosts: [ColdHost]) -> [ColdHost] {
        let (new, isReady) = state.withLock { state in
            // Connections to upstreams that a later configuration has brought are warmed up as well, and nothing waits
            // for them.
            state.coldLoops = max(0, state.coldLoops - 1)
            let new = coldHosts.filter { host in !state.coldHosts.contains(where: host.isSame(as:)) }
            state.coldHosts += new
            return (new, state.coldLoops == 0)
        }
        if isReady { ready.open() }
        return new
    }
}
