import Glibc

/// Listening sockets that this process got from the one that started it: the service manager (sd_listen_fds(3)), or
/// the process that it replaces (``HandOver``).
public struct InheritedSockets: Sendable {
    /// A socket and its owner.
    struct Socket: Sendable, Equatable {
        var fd: CInt
        /// Its name; empty if it has none.
        var name: String
        /// The address that it had in the previous process's configuration; nil if it is the service manager's, which
        /// decides on its use.
        var address: String?
        /// Whether the service manager keeps it open.
        var isManagers: Bool
    }

    private(set) var sockets: [Socket] = []
    /// The pipe on which to report to the process that this one replaces that it is ready.
    private(set) var readiness: CInt?

    static let firstDescriptor: CInt = 3
    /// The variable in which a process that hands its sockets over tells their owners and addresses:
    /// `listen=127.0.0.1:8080,admin=manager`.
    static let handOverVariable = "GATHERD_HANDOVER"
    static let readinessName = "ready"
    static let managersWord = "manager"
    /// These variables are meant for this process alone.
    static let variables = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", handOverVariable]

    init() {}

    /// - Parameters:
    ///   - environment: the variables by which they are named.
    ///   - process: this process's number; sockets meant for another are ignored.
    public init(environment: [String: String], process: Int = Int(getpid())) {
        guard let count = environment["LISTEN_FDS"].flatMap(Int.init), (1...64).contains(count) else { return }
        let handOver = environment[Self.handOverVariable]
        guard handOver != nil || environment["LISTEN_PID"].flatMap(Int.init) == process else { return }
        let names = (environment["LISTEN_FDNAMES"] ?? "").split(separator: ":", omittingEmptySubsequences: false)
        var places: [Substring: Substring] = [:]
        for entry in (handOver ?? "").split(separator: ",") {
            let parts = entry.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { places[parts[0]] = parts[1] }
        }
        for index in 0..<count {
            let fd = Self.firstDescriptor + CInt(index)
            _ = fcntl(fd, F_SETFD, FD_CLOEXEC)
            let name = index < names.count ? names[index] : ""
            if handOver != nil, name == Self.readinessName {
                readiness = fd
            } else if let place = places[name], place != Self.managersWord {
                sockets.append(Socket(fd: fd, name: String(name), address: String(place), isManagers: false))
            } else {
                sockets.append(Socket(fd: fd, name: String(name), address: nil, isManagers: true))
            }
        }
    }

    /// The socket for a role at an address. One without the name of a role is for clients if it is the only one.
    func socket(for role: Listening.Role, at address: some CustomStringConvertible) -> Socket? {
        let named = sockets.first { $0.name == role.rawValue }
        let socket = named ?? (role == .clients && nameless.count == 1 ? nameless[0] : nil)
        guard let socket, socket.address ?? address.description == address.description else { return nil }
        return socket
    }

    /// Those without the name of a role.
    private var nameless: [Socket] { sockets.filter { Listening.Role(rawValue: $0.name) == nil } }

    /// Names that are not of a role, if several sockets have such names and cannot be told apart.
    var unknown: [Socket] {
        let hasNamed = sockets.contains { $0.name == Listening.Role.clients.rawValue }
        return nameless.count == 1 && !hasNamed ? [] : nameless
    }

    /// Closes sockets that the configuration does not use, in whose queues clients would wait for ever.
    func closeUnused(_ used: [Listening]) {
        for socket in sockets where !used.contains(where: { $0.group.listener.fd == socket.fd }) { close(socket.fd) }
    }
}
