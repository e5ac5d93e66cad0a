import EventLoop
import Gather
import Synchronization

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
