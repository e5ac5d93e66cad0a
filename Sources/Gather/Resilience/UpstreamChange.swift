/// A change in one loop's view of an upstream, or of one of its hosts.
public struct UpstreamChange: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// Too many attempts failed: calls are refused, except for an occasional probe. Reported once, until it closes.
        case breakerOpened
        /// A probe has succeeded: calls are sent again.
        case breakerClosed
        /// Too many attempts in a row failed at the host: other hosts are used for a while. Reported once, until it is
        /// used again.
        case hostEjected
        /// An attempt at the host has succeeded after its ejection ended.
        case hostReturned
        /// The host has failed its health checks: other hosts are used.
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
