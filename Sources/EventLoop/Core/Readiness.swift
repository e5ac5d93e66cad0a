/// An object that is called when a descriptor is ready.
public protocol ReadinessHandler: AnyObject {
    /// Runs on the loop's thread.
    func descriptorReady(_ fd: CInt, _ events: IOEvents)
}

/// The descriptors a loop watches, by number.
///
/// An epoll report names descriptor and generation, not an object: a handler may close another's descriptor, whose
/// report then comes later in the same batch and must find nothing, even if the number is in use again.
final class Readiness {
    private struct Slot {
        var generation: UInt32 = 0
        /// How many reports that there is something to read on it were noted, and its handler has not been told.
        var news = 0
        var handler: (any ReadinessHandler)?
    }

    private let slots = Slab<Slot>()
    private(set) var count = 0

    private func knows(_ fd: CInt) -> Bool { fd >= 0 && Int(fd) < slots.count }

    /// Takes the descriptor in and returns the token its reports carry.
    func insert(_ fd: CInt, _ handler: any ReadinessHandler) -> UInt64 {
        while slots.count <= Int(fd) { slots.append(Slot()) }
        if slots[Int(fd)].handler == nil { count += 1 }
        slots[Int(fd)].generation &+= 1
        slots[Int(fd)].news = 0
        slots[Int(fd)].handler = handler
        return token(fd)
    }

    /// Forgets the descriptor; false if it was not known.
    func remove(_ fd: CInt) -> Bool {
        guard knows(fd), slots[Int(fd)].handler != nil else { return false }
        slots[Int(fd)].handler = nil
        slots[Int(fd)].generation &+= 1
        count -= 1
        return true
    }

    /// Notes that something has come on a descriptor, unless the report is stale.
    func note(_ report: ReadyEvent) {
        let fd = CInt(truncatingIfNeeded: report.token)
        guard knows(fd), UInt64(slots[Int(fd)].generation) == report.token >> 32 else { return }
        if report.events != .writable { slots[Int(fd)].news += 1 }
    }

    /// The handler is about to be told of a report that was noted.
    func passedOn(_ report: ReadyEvent, of fd: CInt) {
        if report.events != .writable { slots[Int(fd)].news -= 1 }
    }

    func hasNews(_ fd: CInt) -> Bool { knows(fd) && slots[Int(fd)].news > 0 }

    func contains(_ fd: CInt) -> Bool { knows(fd) && slots[Int(fd)].handler != nil }

    /// The token of a descriptor that is watched.
    func token(_ fd: CInt) -> UInt64 { UInt64(slots[Int(fd)].generation) << 32 | UInt64(UInt32(bitPattern: fd)) }

    /// The descriptor and handler that a report is for, unless it is stale.
    func target(of token: UInt64) -> (fd: CInt, handler: any ReadinessHandler)? {
        let fd = CInt(truncatingIfNeeded: token)
        guard knows(fd), UInt64(slots[Int(fd)].generation) == token >> 32,
            let handler = slots[Int(fd)].handler
        else { return nil }
        return (fd, handler)
    }
}
