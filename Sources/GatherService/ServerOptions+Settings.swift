import GatherConfig
import HTTPServer

extension ServerOptions {
    /// The limits of the configuration for what faces clients.
    init(_ settings: ServerSettings) {
        self.init()
        wire.headBytes = settings.limits.headBytes
        wire.targetBytes = settings.limits.targetBytes
        wire.fieldCount = settings.limits.fields
        wire.bodyBytes = settings.limits.bodyBytes
        connections = settings.limits.connections
        connectionsPerClient = settings.limits.connectionsPerClient
        proxyProtocol = settings.proxyProtocol
        unsentBytes = settings.limits.unsentBytes
        unansweredBytes = settings.limits.unansweredBytes
        halfClose = settings.answersHalfClosed ? .answer : .cancel
        headTimeout = settings.timeouts.head
        bodyTimeout = settings.timeouts.body
        idleTimeout = settings.timeouts.idle
        writeTimeout = settings.timeouts.write
        lameDuck = settings.timeouts.lameDuck
        shutdownTimeout = settings.timeouts.shutdown
    }

    /// The options of a listener that is not for clients.
    static func others(_ role: Listening.Role) -> ServerOptions {
        var options = ServerOptions()
        if role == .admin { options.connections = DescriptorPlan.adminConnections }
        return options
    }
}
