import JSONText

/// Is told what happens in a gather while it runs. Confined to the gather's loop.
public protocol GatherObserver: AnyObject {
    /// A call goes on: its request is sent, or waits for a slot at its upstream.
    /// - Parameter start: since when it could, after the gather's beginning.
    func callStarted(_ call: Int, at start: Duration)

    /// One of several attempts at a call has begun or ended. The first is told of when the second begins; what a list's
    /// items, and calls that share an exchange, take for attempts is not told.
    func attemptChanged(of call: Int, _ attempt: AttemptReport)

    /// A call has ended, by itself or because one that it needs has left no value.
    ///
    /// A call that the gather's end overtakes before it could begin is not told: it is in ``Gathered/reports`` only.
    /// One that ended while its request was still being made is told at its end only.
    /// - Parameter body: what the call leaves for the answer, which is its body or its fallback; nil if it leaves
    ///   nothing.
    func callEnded(_ call: Int, _ report: CallReport, body: JSONValue?)
}
