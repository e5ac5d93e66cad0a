import CPlatform
import EventLoop
import Glibc

/// Starts a new process of the program, perhaps a newer version, that takes over the listening sockets: no client is
/// refused or has to wait.
///
/// The new process gets the sockets as a service manager would hand them over (``InheritedSockets``), with a pipe on
/// which it reports that it is serving. Until then the old process goes on; if the report never comes, the new process
/// is killed, and nothing has changed.
struct HandOver {
    /// The program to start.
    struct Program: Sendable {
        var path: String
        /// The first is the program's own name.
        var arguments: [String]
        var environment: [String: String]

        /// This program; nil without its arguments. The path is that of the file that was started, so a newer file in
        /// its place is used.
        init?(arguments: [String], environment: [String: String]) {
            if arguments.isEmpty { return nil }
            var buffer = [CChar](repeating: 0, count: 4096)
            // The call writes less than the buffer holds, so that it still ends with a NUL.
            let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count - 1)
            guard count > 0 else { return nil }
            path = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            (self.arguments, self.environment) = (arguments, environment)
        }
    }

    /// Why there is no new process.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let process: pid_t
    private let pidfd: CInt
    private let readiness: CInt

    /// The number of the new process.
    var processID: pid_t { process }

    /// Starts it. It blocks the loop until the program is loaded.
    init(_ program: Program, _ listenings: [Listening]) throws(Failure) {
        var (reading, writing): (CInt, CInt) = (-1, -1)
        // The call writes two numbers.
        guard unsafe cp_pipe(&reading, &writing, false, true) == 0 else { throw Self.failure("pipe2", errno) }
        defer { close(writing) }
        let names = listenings.map(\.role.rawValue) + [InheritedSockets.readinessName]
        let places = listenings.map {
            "\($0.role.rawValue)=\($0.isManagers ? InheritedSockets.managersWord : $0.address.description)"
        }
        let own = Set(InheritedSockets.variables + ["WATCHDOG_PID"])
        var environment = program.environment.filter { !own.contains($0.key) }
        environment["LISTEN_FDS"] = "\(names.count)"
        environment["LISTEN_FDNAMES"] = names.joined(separator: ":")
        environment[InheritedSockets.handOverVariable] = places.joined(separator: ",")
        let descriptors = listenings.map(\.group.listener.fd) + [writing]
        var process: pid_t = 0
        // systemd kills a main process that is not its child; other parents do not reap what they did not start.
        let isSibling = environment["NOTIFY_SOCKET"] != nil
        // The strings and descriptors live as long as the call.
        let code = unsafe withCStrings(program.arguments) { arguments in
            unsafe withCStrings(environment.map { "\($0.key)=\($0.value)" }) { variables in
                unsafe descriptors.withUnsafeBufferPointer { descriptors in
                    unsafe cp_spawn_successor(
                        &process, program.path, arguments, variables, descriptors.baseAddress, CInt(descriptors.count),
                        isSibling)
                }
            }
        }
        guard code == 0 else {
            close(reading)
            throw Self.failure(program.path, code)
        }
        let pidfd = cp_pidfd_open(process)
        guard pidfd >= 0 else {
            let failure = Self.failure("pidfd_open", errno)
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
            close(reading)
            throw failure
        }
        (self.process, self.pidfd, readiness) = (process, pidfd, reading)
    }

    /// Waits until the new process reports that it is serving.
    /// - Throws: ``Failure`` if it ends before, or has not reported by the deadline; it is killed then.
    func waitUntilReady(until deadline: LoopInstant, on loop: isolated EventLoop) async throws(Failure) {
        defer {
            close(readiness)
            close(pidfd)
        }
        var reason = "it did not report that it is ready in time"
        do throws(StreamError) {
            try await loop.waitUntilReadable(readiness, until: deadline)
            var byte: UInt8 = 0
            // One byte is what the variable takes.
            if unsafe read(readiness, &byte, 1) == 1 { return }
            reason = "it exited"
        } catch {}
        _ = cp_pidfd_send_signal(pidfd, SIGKILL)
        var (code, isSignal): (CInt, CInt) = (0, 0)
        // The call writes two numbers; a killed process ends at once. A sibling is reaped by its parent.
        if unsafe cp_reap(pidfd, true, &code, &isSignal) == 1, isSignal == 0 { reason += " with status \(code)" }
        throw Failure(description: reason)
    }

    private static func failure(_ what: String, _ code: CInt) -> Failure {
        // The system's text is a constant, or the thread's until its next call.
        Failure(description: "\(what): \(unsafe String(cString: strerror(code)))")
    }
}
