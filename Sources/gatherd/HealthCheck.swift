import ArgumentParser
import EventLoop
import GatherConfig
import HTTPWire

/// `gatherd healthcheck`
struct HealthCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck",
        abstract: "Check the health of a running service.",
        discussion: """
            For environments without curl, such as a container's HEALTHCHECK. Exits with 0 if /healthz (with --ready, /readyz) of the admin \
            listener answers with 200, with 1 if it does not.
            """)

    @Argument(
        help: ArgumentHelp("Where the admin listener is.", valueName: "admin"),
        transform: { try ListenAddress(argument: $0) })
    var admin = ListenAddress(host: "127.0.0.1", port: 9090)

    @Flag(help: "Check /readyz instead: the service is not ready while it warms up or drains.")
    var ready = false

    @Option(help: "How many milliseconds to wait for the answer.")
    var timeout = 3000

    func validate() throws {
        guard (1...600_000).contains(timeout) else { throw ValidationError("--timeout is a number from 1 to 600000") }
    }

    func run() throws {
        let (address, path, limit) = (admin, ready ? "/readyz" : "/healthz", Duration.milliseconds(timeout))
        let problem: String
        do {
            let status = try EventLoop.run { loop in
                try await loop.withTimeout(limit) { try await Self.status(of: path, at: address, on: loop) }
            }
            if status == "200" { return }
            problem = "it answers with \(status)"
        } catch {
            problem = "\(error)"
        }
        throw complain(UsageError("\(address)\(path)", problem))
    }

    /// The status of the answer to a request.
    private static func status(
        of path: String, at address: ListenAddress, on loop: isolated EventLoop
    ) async throws -> String {
        let places = try await loop.runBlocking { try SocketAddress.resolve("\(address)") }
        let stream = try await SocketStream.connect(to: places[0], on: loop)
        defer { stream.close() }
        let request = try ClientRequest(target: path)
        do {
            let answer = try await stream.exchange(request, authority: "\(address)", until: nil, on: loop) { _ in false
            }
            if let head = answer?.head { return "\(head.status)" }
        } catch is MessageError {}
        return "something other than HTTP"
    }
}
