import Glibc
import Testing

@testable import EventLoop

struct AcceptanceTests {
    /// What accept4 returns call by call: a descriptor, or a code that is negative.
    private func accepted(_ results: [CInt]) -> (Acceptance, calls: Int) {
        var calls = 0
        let accepted = Acceptance {
            defer { calls += 1 }
            if results[calls] < 0 { errno = -results[calls] }
            return max(results[calls], -1)
        }
        return (accepted, calls)
    }

    @Test(arguments: [
        EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENETUNREACH, ENONET, EHOSTDOWN, EHOSTUNREACH, ENOPROTOOPT, EOPNOTSUPP,
    ])
    func `a connection that the network lost is passed over, and the next is taken`(code: CInt) {
        #expect(accepted([-code, -code, 7]) == (.connection(7), 3))
        #expect(accepted([-code, -EAGAIN]) == (.none, 2))
    }

    @Test(arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM, EINVAL, EBADF, EPERM])
    func `what would fail again at once is not tried again`(code: CInt) {
        #expect(accepted([-code, 7]) == (.failed(code), 1))
    }
}
