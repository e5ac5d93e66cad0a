import CPlatform
import Glibc

/// The operating system's poller: one epoll set, CLOCK_MONOTONIC, and an eventfd for wake-ups from other threads.
@safe final class EpollPoller: Poller {
    private let epoll: CInt
    private let wakeup: CInt
    private let buffer: UnsafeMutableBufferPointer<epoll_event>

    /// The wake-up descriptor's token; no descriptor of the loop's users gets it.
    private static let wakeToken = UInt64.max
    private static let eventsPerPoll = 512
    private static let roundsPerPoll = 16

    init() throws(SystemError) {
        epoll = cp_epoll_create()
        guard epoll >= 0 else { throw SystemError("epoll_create1") }
        wakeup = cp_eventfd()
        guard wakeup >= 0 else {
            let failure = SystemError("eventfd")
            close(epoll)
            throw failure
        }
        // Owned by this object alone and freed in deinit; only `poll` writes it, only up to its count.
        unsafe buffer = .allocate(capacity: Self.eventsPerPoll)
        guard cp_epoll_control(epoll, EPOLL_CTL_ADD, wakeup, cp_EPOLLIN, Self.wakeToken) == 0 else {
            throw SystemError("epoll_ctl")
        }
    }

    deinit {
        unsafe buffer.deallocate()
        close(wakeup)
        close(epoll)
    }

    func now() -> LoopInstant { LoopInstant(nanoseconds: cp_monotonic_nanoseconds()) }

    var isVirtual: Bool { false }

    func poll(from start: LoopInstant, until deadline: LoopInstant?, into ready: Ring<ReadyEvent>) {
        // For a deadline that has passed no difference is computed: one at the beginning of time would overflow.
        let wait = deadline.map { $0 <= start ? 0 : $0.nanoseconds - start.nanoseconds }
        var count = take(waiting: wait ?? -1, into: ready)
        // What is ready must be known before timers are looked at. The kernel queues what it has reported after what it
        // has not, so that the rounds are over when all has been: in turns with many ready descriptors few are reported
        // twice.
        var rounds = 1
        while count == Self.eventsPerPoll, rounds < Self.roundsPerPoll {
            count = take(waiting: 0, into: ready)
            rounds += 1
        }
    }

    /// Appends one batch of reports, and returns how many there were.
    private func take(waiting: Int64, into ready: Ring<ReadyEvent>) -> Int {
        let count = unsafe cp_epoll_wait(epoll, buffer.baseAddress, CInt(Self.eventsPerPoll), waiting)
        guard count > 0 else {
            precondition(count == 0 || errno == EINTR, "epoll_wait: \(errno)")
            return 0
        }
        for index in 0..<Int(count) {
            let token = unsafe cp_epoll_token(buffer[index])
            if token == Self.wakeToken {
                var value: UInt64 = 0
                _ = unsafe read(wakeup, &value, 8)
            } else {
                ready.append(
                    ReadyEvent(
                        token: token, events: IOEvents(epoll: unsafe cp_epoll_events(buffer[index]))))
            }
        }
        return Int(count)
    }

    func wake() {
        var one: UInt64 = 1
        _ = unsafe write(wakeup, &one, 8)
    }

    func add(_ fd: CInt, _ events: IOEvents, _ trigger: Trigger, token: UInt64) throws(SystemError) {
        guard cp_epoll_control(epoll, EPOLL_CTL_ADD, fd, events.epoll(trigger), token) == 0 else {
            throw SystemError("epoll_ctl")
        }
    }

    func modify(_ fd: CInt, _ events: IOEvents, _ trigger: Trigger, token: UInt64) throws(SystemError) {
        guard cp_epoll_control(epoll, EPOLL_CTL_MOD, fd, events.epoll(trigger), token) == 0 else {
            throw SystemError("epoll_ctl")
        }
    }

    func remove(_ fd: CInt) {
        // ENOENT and EBADF are normal: libcurl reports some sockets only after it has closed them.
        _ = cp_epoll_control(epoll, EPOLL_CTL_DEL, fd, 0, 0)
    }
}

extension IOEvents {
    fileprivate init(epoll flags: UInt32) {
        self = []
        if flags & cp_EPOLLIN != 0 { insert(.readable) }
        if flags & cp_EPOLLOUT != 0 { insert(.writable) }
        if flags & (cp_EPOLLRDHUP | cp_EPOLLHUP) != 0 { insert(.hangup) }
        if flags & cp_EPOLLERR != 0 { insert(.error) }
    }

    fileprivate func epoll(_ trigger: Trigger) -> UInt32 {
        var flags: UInt32 = 0
        if contains(.readable) { flags |= cp_EPOLLIN }
        if contains(.writable) { flags |= cp_EPOLLOUT }
        if contains(.hangup) { flags |= cp_EPOLLRDHUP }
        switch trigger {
        case .level: break
        case .edge: flags |= cp_EPOLLET
        case .levelExclusive: flags |= cp_EPOLLEXCLUSIVE
        }
        return flags
    }
}
