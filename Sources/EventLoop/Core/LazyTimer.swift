/// A timer for deadlines most of which are not reached: it is set for the earliest since it last fired.
///
/// So a deadline that is moved away costs nothing, and a timer that comes too early costs less than one for each
/// deadline. A value, which its owner replaces: what is changed in place would be checked for exclusive access.
@usableFromInline
package struct LazyTimer {
    private let id: TimerID
    /// When it fires; never if it is not set.
    @usableFromInline let due: LoopInstant

    /// One that is not set, such as one that has fired.
    @usableFromInline
    package init() { self.init(TimerID(slot: .max, generation: .max), due: .never) }

    private init(_ id: TimerID, due: LoopInstant) { (self.id, self.due) = (id, due) }

    /// The same, with the handler's timer set to fire at the deadline, or before.
    @inlinable
    package func set(for deadline: LoopInstant, _ handler: any TimerHandler, on reactor: Reactor) -> LazyTimer {
        deadline < due ? moved(to: deadline, handler, on: reactor) : self
    }

    @usableFromInline
    func moved(to deadline: LoopInstant, _ handler: any TimerHandler, on reactor: Reactor) -> LazyTimer {
        cancel(on: reactor)
        return LazyTimer(reactor.schedule(at: deadline, handler), due: deadline)
    }

    package func cancel(on reactor: Reactor) {
        if due < .never { reactor.cancel(id) }
    }
}
