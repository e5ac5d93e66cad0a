import EventLoop
import GatherConfig
import Glibc
import HTTPServer

/// A listener of the service with the servers behind it, until another takes its place or the service ends.
final class Listening: Sendable {
    /// What a listener is for. The raw value names its socket where one process hands it to another.
    enum Role: String, Sendable, CaseIterable {
        case clients = "listen"
        case admin
        case shop

        /// The key of the file that says where.
        var key: String {
            switch self {
            case .clients: "server.listen"
            case .admin: "server.admin"
            case .shop: "demo.shop.listen"
            }
        }
    }

    let role: Role
    /// As the configuration has it.
    let address: ListenAddress
    let group: ServerGroup
    /// Opens when its servers are to stop accepting, and to end.
    let drain = Latch()
    /// Whether the service manager opened the socket, and keeps it.
    let isManagers: Bool

    init(_ role: Role, at address: ListenAddress, _ group: ServerGroup, isManagers: Bool = false) {
        (self.role, self.address, self.group, self.isManagers) = (role, address, group, isManagers)
    }

    /// Opens the socket, or takes over the one that was inherited for it.
    /// - Parameter others: the listeners that this process has already.
    /// - Throws: ``ServiceError``.
    static func open(
        _ role: Role, at address: ListenAddress, options: ServerOptions, besides others: [Listening] = [],
        inherited: InheritedSockets = InheritedSockets()
    ) throws -> Listening {
        do throws(ListenError) {
            if let socket = inherited.socket(for: role, at: address) {
                let listener = try Listener(inheriting: socket.fd, isShared: socket.isManagers)
                return Listening(
                    role, at: address, ServerGroup(listener, options: options), isManagers: socket.isManagers)
            }
            return Listening(role, at: address, ServerGroup(try Listener(address.description), options: options))
        } catch {
            if case .system(let failure) = error, failure.code == EADDRINUSE,
                let other = others.first(where: { $0.group.listener.port == address.port })
            {
                throw ServiceError.conflict(key: role.key, address: address.description, with: other.role.key)
            }
            throw ServiceError.listen(key: role.key, address: address.description, error)
        }
    }

    /// Ends its servers because another listener replaces it: at another address, or in another process with this
    /// socket.
    func leaveToSuccessor() {
        group.leaveToSuccessor()
        drain.open()
    }
}

extension Configuration {
    /// The address of a role's listener; nil if it has none.
    func address(of role: Listening.Role) -> ListenAddress? {
        switch role {
        case .clients: server.listen
        case .admin: server.admin
        case .shop: demo?.shop?.listen
        }
    }
}
