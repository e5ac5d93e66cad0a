import CPlatform
import EventLoop
import Glibc

/// The service manager that has started the process, if it wants to be told how the service is: systemd's protocol
/// (sd_notify(3)).
///
/// A message is one datagram, which is dropped if the manager takes none: it must not hold the loop.
public struct ServiceManager: Sendable {
    private let socket: String?
    /// How often it wants to hear that the service is alive; nil if it does not.
    let watchdog: Duration?

    /// The variables are for this process alone: a child must not speak for it.
    public static let variables = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]

    public init(environment: [String: String] = [:], process: Int = Int(getpid())) {
        socket = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        let isMeant = environment["WATCHDOG_PID"].map { Int($0) == process } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap(Int64.init)
        watchdog = isMeant && socket != nil ? microseconds.flatMap { $0 > 0 ? .microseconds($0) : nil } : nil
    }

    func ready(_ status: String) { send("READY=1\nSTATUS=\(status)\n") }

    /// The manager takes a message that is younger than its request for the answer to it.
    func reloading() { send("RELOADING=1\nMONOTONIC_USEC=\(cp_monotonic_nanoseconds() / 1000)\n") }

    func stopping(_ status: String) { send("STOPPING=1\nSTATUS=\(status)\n") }

    func isAlive() { send("WATCHDOG=1\n") }

    /// Another process is the service from now on.
    func mainProcess(_ process: pid_t) { send("MAINPID=\(process)\n") }

    private func send(_ text: String) {
        guard let socket else { return }
        var text = text
        // Both are alive while the call reads them, and the count is that of the bytes.
        _ = text.withUTF8 { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) { unsafe cp_notify(socket, $0.baseAddress, $0.count) }
        }
    }
}
