import EventLoop
import HTTPServer
import TestSupport

@testable import DemoUpstream

/// A shop that is being served, and what a test asks it with. Confined to the loop of both.
final class ShopClient {
    let counters: ShopCounters
    private let port: UInt16

    private init(port: UInt16, counters: ShopCounters) {
        self.port = port
        self.counters = counters
    }

    /// Serves a shop on a free port of the loopback while `body` runs.
    static func run<Value: Sendable>(
        _ options: ShopOptions = ShopOptions(),
        _ body: @escaping @Sendable (ShopClient, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try TestLoop.runOnSystem { loop in
            let listener = try Listener("127.0.0.1:0")
            let shop = Shop(options)
            let server = Server(listener, handler: shop, observer: shop, on: loop)
            return try await server.serving(on: loop) {
                try await body(ShopClient(port: listener.port, counters: shop.counters), loop)
            }
        }
    }

    func get(_ target: String, on loop: isolated EventLoop) async throws -> Message {
        try await send("GET", target, on: loop)
    }

    func send(
        _ method: String, _ target: String, body: String = "", on loop: isolated EventLoop
    ) async throws -> Message {
        try await connect(sending: method, target, body: body, on: loop).message(for: method, on: loop)
    }

    /// A connection on which one request was sent.
    func connect(
        sending method: String, _ target: String, body: String = "", on loop: isolated EventLoop
    ) throws -> SocketEnd {
        let connection = try SocketEnd(port: port, on: loop)
        let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
        try connection.send("\(method) \(target) HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\(length)\r\n\(body)")
        return connection
    }
}
