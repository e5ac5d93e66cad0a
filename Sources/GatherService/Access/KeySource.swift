import EventLoop
import GatherConfig
import Synchronization
import Tokens

/// Where all loops have the keys of one issuer from: keys that stay, or a set that is fetched (``KeyKeeper``).
///
/// A request reads one atomic of it. It is locked where keys change and where they are missed, not on the way of a
/// request that finds its key.
final class KeySource: Sendable {
    /// Nil for keys that stay.
    let remote: RemoteKeys?
    /// How often the keys have changed.
    private let changeCount = Atomic<Int>(0)
    private let state: Mutex<State>

    private struct State {
        var keys: KeySet
        /// Nil before the first fetch has ended.
        var lastFetch: LoopInstant?
        var isFetching = false
        /// Opens when the fetch has ended that is under way, or the next.
        var fetched = Latch()
        /// Opens when one is wanted.
        var wanted = Latch()
        var hasKeeper = false
        var isRetired = false

        init(keys: KeySet) { self.keys = keys }
    }

    init(_ keys: KeySet) {
        remote = nil
        state = Mutex(State(keys: keys))
    }

    init(_ remote: RemoteKeys) {
        self.remote = remote
        state = Mutex(State(keys: KeySet()))
    }

    /// By which a loop finds that the keys are others than those that it has.
    var version: Int { changeCount.load(ordering: .acquiring) }
    var keys: KeySet { state.withLock { $0.keys } }

    /// How soon a fetch follows another that found no keys at all.
    private static let restWithoutKeys = Duration.seconds(1)

    /// What opens when the keys have been fetched that a request misses; nil if they are not fetched for it: they stay,
    /// or they were fetched a moment ago.
    func miss(at now: LoopInstant) -> Latch? {
        guard let remote else { return nil }
        return state.withLock { state in
            if state.isRetired { return nil }
            if state.isFetching { return state.fetched }
            let rest = state.keys.isEmpty ? Self.restWithoutKeys : remote.cooldown
            if let last = state.lastFetch, last.duration(to: now) < rest { return nil }
            state.wanted.open()
            return state.fetched
        }
    }

    /// Has them fetched again soon, whatever was fetched last.
    func fetchAgain() { state.withLock { $0.wanted.open() } }

    // MARK: For the keeper

    /// Whether there was no keeper so far; from now on there is one.
    func takeKeeper() -> Bool {
        state.withLock { state in
            defer { state.hasKeeper = true }
            return remote != nil && !state.hasKeeper
        }
    }

    func beginFetch() {
        state.withLock { state in
            state.isFetching = true
            state.wanted = Latch()
        }
    }

    /// - Parameter keys: what was fetched; nil if that failed, and those that there are stay.
    /// - Returns: whether they are others than before.
    func endFetch(_ keys: KeySet?, at now: LoopInstant) -> Bool {
        let (isChanged, waited) = state.withLock { state in
            let isChanged = keys.map { $0 != state.keys } ?? false
            if let keys { state.keys = keys }
            (state.isFetching, state.lastFetch) = (false, now)
            defer { state.fetched = Latch() }
            return (isChanged, state.fetched)
        }
        if isChanged { changeCount.add(1, ordering: .releasing) }
        waited.open()
        return isChanged
    }

    /// Waits until a fetch is wanted, or due.
    /// - Returns: whether the source is still in use.
    func waitForNextFetch(until due: LoopInstant, on loop: isolated EventLoop) async -> Bool {
        let wanted = state.withLock { $0.isRetired ? nil : $0.wanted }
        guard let wanted, await wanted.wait(until: due, on: loop) != .cancelled else { return false }
        return state.withLock { !$0.isRetired }
    }

    /// Ends the keeper, and all waits for it.
    func retire() {
        let (wanted, fetched) = state.withLock { state in
            state.isRetired = true
            return (state.wanted, state.fetched)
        }
        wanted.open()
        fetched.open()
    }
}

/// The keys by which one generation of a configuration verifies who asks: shared by its loops.
final class AccessKeys: Sendable {
    let settings: AccessSettings
    /// In the order of the settings' tokens.
    let sources: [KeySource]

    /// - Parameter earlier: that of the generation before. A key set that both fetch from one place stays, and is
    ///   fetched by the same keeper.
    init(_ settings: AccessSettings, after earlier: AccessKeys?) {
        self.settings = settings
        var known: [RemoteKeys: KeySource] = [:]
        for source in earlier?.sources ?? [] {
            if let remote = source.remote { known[remote] = source }
        }
        sources = settings.tokens.map { tokens in
            switch tokens.keys {
            case .file(_, let keys), .secret(let keys): return KeySource(keys)
            case .remote(let remote):
                let source = known[remote] ?? KeySource(remote)
                known[remote] = source
                return source
            }
        }
    }

    /// Has keys that are fetched fetched again, as when an issuer has withdrawn one; until then those that there are stay.
    func fetchAgain() {
        for source in sources where source.remote != nil { source.fetchAgain() }
    }

    /// Ends what this generation fetches and the next does not.
    func retire(for next: AccessKeys) {
        for source in sources where !next.sources.contains(where: { $0 === source }) { source.retire() }
    }
}
