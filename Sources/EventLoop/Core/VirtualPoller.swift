/// A simulated poller: when nothing is runnable, its clock jumps to the next timer.
///
/// It knows no descriptors. That nothing is runnable and no timer pending is the loop's to notice: see ``Deadlock``.
final class VirtualPoller: Poller {
    private var time = LoopInstant(nanoseconds: 0)

    func now() -> LoopInstant { time }

    var isVirtual: Bool { true }

    func poll(from start: LoopInstant, until deadline: LoopInstant?, into ready: Ring<ReadyEvent>) {
        if let deadline { time = max(time, deadline) }
    }

    /// Nothing to do: a simulated poll never blocks, and the inbox is looked at in every turn.
    func wake() {}

    func add(_ fd: CInt, _ events: IOEvents, _ trigger: Trigger, token: UInt64) throws(SystemError) {
        preconditionFailure("a loop on virtual time has no descriptors")
    }

    func modify(_ fd: CInt, _ events: IOEvents, _ trigger: Trigger, token: UInt64) throws(SystemError) {
        preconditionFailure("a loop on virtual time has no descriptors")
    }

    func remove(_ fd: CInt) {}
}
