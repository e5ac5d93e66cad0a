import Glibc

/// What the queue of a listening socket had for one who accepts.
package enum Acceptance: Equatable {
    case connection(CInt)
    /// The queue is empty.
    case none
    /// accept4(2) failed with this code, and would again at once.
    case failed(CInt)

    /// Calls `accept` until it says more than that a connection was lost.
    ///
    /// Such a connection has left the queue, and the next may be behind it: accept(2) says that an error which the network had for a
    /// connection is reported in place of it, and to be treated as if the call had to be repeated.
    /// - Parameter accept: accept4(2): a descriptor, or -1 with errno.
    package init(_ accept: () -> CInt) {
        while true {
            let fd = accept()
            guard fd < 0 else {
                self = .connection(fd)
                return
            }
            switch errno {
            case EAGAIN:
                self = .none
                return
            case EINTR: continue
            case ECONNABORTED, EPROTO, ENETDOWN, ENETUNREACH, ENONET, EHOSTDOWN, EHOSTUNREACH, ENOPROTOOPT, EOPNOTSUPP:
                continue
            case let code:
                self = .failed(code)
                return
            }
        }
    }
}
