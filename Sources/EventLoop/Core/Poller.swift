/// The kinds of readiness of a descriptor that are requested or reported.
public struct IOEvents: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let readable = IOEvents(rawValue: 1)
    public static let writable = IOEvents(rawValue: 2)
    /// The peer will send no more (EPOLLRDHUP), or both directions are shut down (EPOLLHUP).
    public static let hangup = IOEvents(rawValue: 4)
    public static let error = IOEvents(rawValue: 8)
}

/// How a descriptor reports that it stays ready.
public enum Trigger: Sendable {
    /// Reported in every turn while it lasts.
    case level
    /// Reported once when it begins.
    case edge
    /// Like `level`, but not all loops that watch the descriptor are woken (EPOLLEXCLUSIVE).
    case levelExclusive
}

/// One report of a poller: the token that the descriptor was added with, and what it is ready for.
struct ReadyEvent {
    var token: UInt64
    var events: IOEvents
}

/// Where a loop's time and readiness come from: the operating system, or a simulation.
protocol Poller: AnyObject {
    /// The time now, which never goes back.
    func now() -> LoopInstant

    /// Whether time jumps to the next timer when nothing is runnable.
    var isVirtual: Bool { get }

    /// Waits until a descriptor is ready, `deadline` has come or ``wake()`` was called, and appends what is ready.
    /// Without a deadline it waits without limit; `start` is the time now.
    func poll(from start: LoopInstant, until deadline: LoopInstant?, into ready: Ring<ReadyEvent>)

    /// Ends a ``poll(from:until:into:)`` under way, or else the next; callable from any thread.
    func wake()

    func add(_ fd: CInt, _ events: IOEvents, _ trigger: Trigger, token: UInt64) throws(SystemError)
    func modify(_ fd: CInt, _ events: IOEvents, _ trigger: Trigger, token: UInt64) throws(SystemError)

    /// Forgets a descriptor; one that was closed already is forgotten without complaint.
    func remove(_ fd: CInt)
}
