import JSONText

/// Is told what happens in a gather while it runs. Confined to the gather's loop.
public protocol GatherObserver: AnyObject {
    /// A call has ended, by itself or because one that it needs has left no value.
    ///
    /// A call that the gather's end overtakes before it could begin is not told: it is in ``Gathered/reports`` only.
    /// - Parameter body: what the call leaves for the answer, which is its body or its fallback; nil if it leaves nothing.
    func callEnded(_ call: Int, _ report: CallReport, body: JSONValue?)
}
