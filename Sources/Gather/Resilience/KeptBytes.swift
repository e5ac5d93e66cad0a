import EventLoop
import Synchronization

/// How many bytes of good bodies all loops of a process keep together.
///
/// Each loop keeps its own. One that has less than an equal part and finds no room asks the loop that keeps the most to
/// drop its oldest, and has room soon after: so a byte that is free anywhere can be had, and what is full ends up in
/// equal parts.
final class KeptBytes: Sendable {
    private let all: SharedLimit
    private let lanes: [Lane]

    private final class Lane: Sendable {
        let bytes = Atomic<Int>(0)
        let bodies = AtomicLazyReference<LoopReference<KeptBodies>>()
    }

    init(_ limit: Int, loops: Int = 1) {
        all = SharedLimit(limit)
        lanes = (0..<loops).map { _ in Lane() }
    }

    var limit: Int {
        get { all.limit }
        set { all.limit = newValue }
    }
    /// How many bytes all loops keep.
    var count: Int { all.count }

    /// Takes room for one loop; false if none is left.
    func tryTake(_ bytes: Int, for loop: Int) -> Bool {
        guard all.tryTake(bytes) else { return false }
        lanes[loop].bytes.add(bytes, ordering: .relaxed)
        return true
    }

    func giveBack(_ bytes: Int, from loop: Int) {
        lanes[loop].bytes.subtract(bytes, ordering: .relaxed)
        all.giveBack(bytes)
    }

    /// Lets the bodies of a loop be asked for room.
    func register(_ bodies: KeptBodies, of loop: Int, on reactor: Reactor) {
        _ = lanes[loop].bodies.storeIfNil(LoopReference(bodies, on: reactor))
    }

    /// Asks the loop that keeps the most to drop this many bytes, unless this loop has its equal part already.
    func askForRoom(_ bytes: Int, for loop: Int) {
        guard lanes[loop].bytes.load(ordering: .relaxed) + bytes <= limit / lanes.count else { return }
        let most = lanes.max { $0.bytes.load(ordering: .relaxed) < $1.bytes.load(ordering: .relaxed) }
        guard let most, most !== lanes[loop], let bodies = most.bodies.load() else { return }
        _ = bodies.handOver { $0?.drop(bytes) }
    }
}
