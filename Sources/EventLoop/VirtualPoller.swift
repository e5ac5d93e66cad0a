/// A simulated poller: when nothing is runnable, its clock jumps to the next timer.
///
/// It knows no descriptors. A loop that waits for nothing that will come is a deadlock, and stops the program with that word.
final class VirtualPoller: Poller {
    private var time = LoopInstant(nanoseconds: 0)

    func now() -> LoopInstant { time }

    func poll(until deadline: LoopInstant?, into ready: inout [ReadyEvent]) {
        guard let deadline else {
            preconditionFailure("deadlock: no task is runnable and no timer is pending")
        }
        time = max(time, deadline)
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
