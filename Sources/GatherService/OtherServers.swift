import DemoUpstream
import EventLoop
import GatherConfig
import HTTPServer

/// The servers that the first loop has in addition to the clients': the admin listener's and the shop's. Confined to
/// that loop.
final class OtherServers {
    private let service: Service
    private let counters = ShopCounters()
    private let starts: Channel<(Listening, Server)>
    private var servers: [(listening: Listening, server: Server)] = []
    /// Reads the configuration again for who asks at the admin listener.
    weak var reloader: Reloader?

    init(_ service: Service, on loop: isolated EventLoop) {
        self.service = service
        starts = Channel(capacity: .max, on: loop)
    }

    /// Serves a listener from now on.
    func start(_ listening: Listening, on loop: isolated EventLoop) {
        let server: Server
        switch listening.role {
        case .clients: preconditionFailure("every loop serves clients")
        case .admin:
            let (service, reloader) = (service, reloader)
            let responder = AdminResponder(
                group: service.group, drain: service.drain, end: listening.drain, log: service.surroundings.log,
                settings: { service.current.generation.configuration.server },
                reload: { [weak reloader] in
                    await reloader?.reload("POST /-/reload", on: loop) ?? .refused("the service is stopping")
                }, watch: { await service.metricsPage(on: loop) })
            server = Server(listening.group, handler: responder, on: loop)
        case .shop:
            let shop = makeShop()
            server = Server(listening.group, handler: shop, observer: shop, on: loop)
        }
        servers.append((listening, server))
        _ = starts.trySend((listening, server))
    }

    /// Makes the shop match the current configuration.
    func renewShop() { for (listening, server) in servers where listening.role == .shop { server.adopt(makeShop()) } }

    private func makeShop() -> Shop {
        let settings = service.current.generation.configuration.demo?.shop
        return Shop(ShopOptions(latency: settings?.latency ?? [:]), counters: counters)
    }

    /// Serves until no loop has clients left.
    func run(until ended: Latch, abort: Latch, on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { tasks in
            tasks.addImmediateTask {
                await ended.wait(on: loop)
                for (listening, _) in self.servers { listening.drain.open() }
                self.starts.finish()
            }
            do throws(CancellationError) {
                while let (listening, server) = try await starts.receive() {
                    tasks.addImmediateTask {
                        await server.run(drain: listening.drain, abort: abort, on: loop)
                        self.servers.removeAll { $0.server === server }
                    }
                }
            } catch {
                // All have ended.
            }
        }
    }
}
