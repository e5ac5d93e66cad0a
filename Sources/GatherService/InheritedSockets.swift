import Glibc

/// Sockets that listen already and that this process got from the one that has started it: the service manager
/// (sd_listen_fds(3)), or the process of which it takes the place (``HandOver``).
public struct InheritedSockets: Sendable {
    /// A socket and whose it is.
    struct Socket: Sendable, Equatable {
        var fd: CInt
        /// What it is called; empty if it has no name.
        var name: String
        /// The address that the configuration of the process before gave it; nil if it is the service manager's, and
        /// for what that wants it for.
        var address: String?
        /// Whether the service manager keeps it.
        var isManagers: Bool
    }

    private(set) var sockets: [Socket] = []
    /// Where to say that this process is ready, to the one of which it takes the place.
    private(set) var readiness: CInt?

    static let firstDescriptor: CInt = 3
    /// The variable with which a process that hands its sockets over says whose they are and where:
    /// `listen=127.0.0.1:8080,admin=manager`.
    static let handOverVariable = "GATHERD_HANDOVER"
    static let readinessName = "ready"
    static let managersWord = "manager"
    /// What these variables say is for this process alone.
    static let variables = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", handOverVariable]

    init() {}

    /// - Parameters:
    ///   - environment: the variables by which they are named.
    ///   - process: this one's number: what was meant for another is not looked at.
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

    /// The socket for a role at an address. One that has no name of a role is for clients, if it is the only one.
    func socket(for role: Listening.Role, at address: some CustomStringConvertible) -> Socket? {
        let named = sockets.first { $0.name == role.rawValue }
        let roles = Listening.Role.allCases.map(\.rawValue)
        let nameless = sockets.filter { !roles.contains($0.name) }
        let socket = named ?? (role == .clients && nameless.count == 1 ? nameless[0] : nil)
        guard let socket, socket.address ?? address.description == address.description else { return nil }
        return socket
    }

    /// Names that say nothing: of several sockets without the name of a role, none can be told from another.
    var unknown: [Socket] {
        let roles = Listening.Role.allCases.map(\.rawValue)
        let nameless = sockets.filter { !roles.contains($0.name) }
        let hasNamed = sockets.contains { $0.name == Listening.Role.clients.rawValue }
        return nameless.count == 1 && !hasNamed ? [] : nameless
    }

    /// Closes those that the configuration has no use for: clients would wait in their queues for ever.
    func closeUnused(_ used: [Listening]) {
        for socket in sockets where !used.contains(where: { $0.group.listener.fd == socket.fd }) { close(socket.fd) }
    }
}
