import Gather
import Logging

extension Logger {
    /// Writes a line for a change in an upstream's state. Each loop knows upstreams by itself, and tells of its own.
    func log(_ change: UpstreamChange, on loop: Int) {
        var metadata: Logger.Metadata = ["upstream": .string(change.upstream), "loop": .stringConvertible(loop)]
        if let host = change.host { metadata["host"] = .string(host.description) }
        log(level: change.kind.isRecovery ? .notice : .warning, "\(change.kind.message)", metadata: metadata)
    }
}

extension UpstreamChange.Kind {
    fileprivate var message: String {
        switch self {
        case .breakerOpened: "breaker opened: calls are refused"
        case .breakerClosed: "breaker closed: calls are sent again"
        case .hostEjected: "host ejected: its attempts fail"
        case .hostReturned: "host used again: it answers"
        case .hostUnwell: "host not used: its health checks fail"
        case .hostWell: "host used again: its health checks succeed"
        }
    }
}
