import DemoUpstream
import Gather
import GatherConfig
import HTTPServer
import Logging
import TestSupport
import Testing

@testable import EventLoop
@testable import GatherService

/// The whole service on two loops, from its listeners to its end.
@Suite(.blocking) struct LifeTests {
    /// Serves the default configuration on threads of its own while `body` runs, and waits for the end of all of them.
    private func run<Value: Sendable>(
        slowJobs: Duration? = nil,
        _ body: @escaping @Sendable (Service, ShopCounters, RecordedLog, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        let listener = try Listener("127.0.0.1:0")
        var configuration = try patientConfiguration(RunningService.Ports(shop: listener.port, scripted: 0))
        configuration.server.listen.port = 0
        configuration.server.admin?.port = 0
        configuration.server.loops = 2
        configuration.demo?.shop = nil
        let log = RecordedLog()
        var surroundings = Service.Surroundings()
        surroundings.slowJobs = slowJobs
        let service = try Service(
            configuration, logger: Logger(label: "test") { _ in log.handler }, surroundings: surroundings)
        return try service.running {
            try TestLoop.runOnSystem(limit: .seconds(60)) { loop in
                log.wake(loop)
                let handler = Shop()
                let shop = Server(listener, handler: handler, observer: handler, on: loop)
                return try await shop.serving(on: loop) { try await body(service, handler.counters, log, loop) }
            }
        }
    }

    private func get(_ address: String?, _ target: String, on loop: isolated EventLoop) async throws -> Reply {
        let client = try SocketEnd(port: try WholeService.port(address), on: loop)
        try client.send(RunningService.request("GET", target))
        return try await client.reply(on: loop)
    }

    @Test func `jobs that hold a loop are logged when that is asked for, with what was done in them`() throws {
        func jobs(over limit: Duration?) throws -> Set<String> {
            try run(slowJobs: limit) { service, _, log, loop in
                // Before it has sent anything, so that its task is seen to wait.
                let idle = try SocketEnd(port: try WholeService.port(service.address), on: loop)
                let status = try await get(service.address, "/v1/customers/1/dashboard", on: loop).status
                #expect(status == 200)
                let tasks = { Set(log.metadata(of: "a job held the loop").compactMap { $0["task"] }) }
                // Its task has something to do at the end.
                idle.close()
                if limit != nil { #expect(try await eventually(on: loop) { tasks().contains("connection") }) }
                return tasks()
            }
        }
        #expect(try jobs(over: nil).isEmpty)
        let logged = try jobs(over: .zero)
        for task in ["GET /v1/customers/{id}/dashboard", "call customer", "call orders"] {
            #expect(logged.contains(task))
        }
    }

    @Test func `it answers on all of its loops, and so does the admin listener`() throws {
        let (statuses, health, welcome) = try run { service, _, _, loop in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for id in 1...40 {
                    group.addImmediateTask {
                        try await self.get(service.address, "/v1/customers/\(id)/dashboard", on: loop).status
                    }
                }
                var statuses: [Int] = []
                for try await status in group { statuses.append(status) }
                return statuses
            }
            return (
                statuses, try await self.get(service.adminAddress, "/healthz", on: loop).status,
                try await self.get(service.address, "/", on: loop)
            )
        }
        #expect(statuses == Array(repeating: 200, count: 40))
        #expect(health == 200)
        #expect(welcome.body.contains("/v1/customers/1/dashboard"))
    }

    @Test func `a drain lets what is running end, and is seen by the admin listener`() throws {
        let (reply, readiness, log) = try run { service, shop, log, loop in
            let idle = try SocketEnd(port: try WholeService.port(service.address), on: loop)
            try idle.send(RunningService.request("GET", "/hello").replacing("Connection: close\r\n", with: ""))
            let client = try SocketEnd(port: try WholeService.port(service.address), on: loop)
            try client.send(RunningService.request("GET", "/v1/customers/1/settled?delay_stock=300ms"))
            #expect(try await eventually(on: loop) { shop.requests == 3 && log.accesses.count == 1 })
            service.drain.open()
            let readiness = try await self.get(service.adminAddress, "/readyz", on: loop).status
            let reply = try await client.reply(on: loop)
            // The end of an idle connection is the end of its one reply.
            #expect(try await idle.reply(on: loop).status == 200)
            return (reply, readiness, log)
        }
        #expect(readiness == 503)
        #expect(reply.status == 200)
        #expect(reply["Gather-Complete"] == "true")
        #expect(log.accesses.count == 2)
    }

    @Test func `an abort cancels what is running`() throws {
        let (log, cancelled) = try run { service, shop, log, loop in
            let client = try SocketEnd(port: try WholeService.port(service.address), on: loop)
            try client.send(RunningService.request("GET", "/v1/customers/1/settled?delay_stock=60s"))
            #expect(try await eventually(on: loop) { shop.requests == 3 && shop.inFlight == 1 })
            service.drain.open()
            service.abort.open()
            await #expect(throws: Reply.Malformed.self) { try await client.reply(on: loop) }
            return (log, try await eventually(on: loop) { shop.cancelled == 1 })
        }
        // The client is there; it is the service that leaves.
        #expect(log.accesses.map { $0["status"] } == ["503"])
        #expect(log.accesses.allSatisfy { $0["calls"]?.contains("cancelled=") ?? false })
        #expect(cancelled)
    }

    @Test func `an address that is in use is told with its key and what to do`() throws {
        let listener = try Listener("127.0.0.1:0")
        var configuration = try patientConfiguration(RunningService.Ports(shop: 1, scripted: 0))
        configuration.server.listen.port = listener.port
        let error = #expect(throws: ServiceError.self) { try Service(configuration, logger: Logger(label: "test")) }
        let message = try #require(error?.description)
        #expect(message.hasPrefix("server.listen: cannot listen on 127.0.0.1:\(listener.port): "))
        #expect(message.hasSuffix("; choose another address, or stop the process that uses it"))
    }

    @Test func `two listeners of one port are told of each other, whatever else they are called`() throws {
        let free = try FreeAddress()
        var configuration = try patientConfiguration(RunningService.Ports(shop: 1, scripted: 0))
        configuration.server.listen = ListenAddress(host: free.host, port: free.port)
        configuration.server.admin = ListenAddress(host: "0.0.0.0", port: free.port)
        let error = #expect(throws: ServiceError.self) { try Service(configuration, logger: Logger(label: "test")) }
        #expect(
            error?.description
                == "server.admin: cannot listen on 0.0.0.0:\(free.port), whose port is already taken by server.listen; "
                + "choose another port for one of them"
        )
    }
}
