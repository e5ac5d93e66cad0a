/// A change in one loop's view of an upstream, or of one of its hosts.
public struct UpstreamChange: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// Too many attempts failed: calls are refused, except for one now and then that tries it. Told once, until it
        /// closes.
        case breakerOpened
        /// One of those has succeeded: calls are sent again.
        case breakerClosed
        /// Too many attempts in a row failed at the host: others are taken for a while. Told once, until it is back.
        case hostEjected
        /// An attempt has succeeded at the host after its time was over.
        case hostReturned
        /// The host has failed its health checks: others are taken.
        case hostUnwell
        /// The host passes its health checks again.
        case hostWell

        /// Whether it is a change for the better.
        public var isRecovery: Bool {
            switch self {
            case .breakerOpened, .hostEjected, .hostUnwell: false
            case .breakerClosed, .hostReturned, .hostWell: true
            }
        }
    }

    public let kind: Kind
    /// The name of the upstream.
    public let upstream: String
    /// Nil if it is about the upstream as a whole.
    public let host: Origin?
}
