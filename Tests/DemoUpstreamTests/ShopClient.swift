import EventLoop
import Glibc
import HTTPServer

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
        try EventLoop.run { loop in
            let listener = try Listener("127.0.0.1:0")
            let shop = Shop(options)
            let server = Server(listener, responder: shop, options: ServerOptions(), on: loop)
            let stop = Latch()
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addImmediateTask { await server.run(drain: stop, abort: stop, on: loop) }
                defer { stop.open() }
                return try await body(ShopClient(port: listener.port, counters: shop.counters), loop)
            }
        }
    }

    func get(_ target: String, on loop: isolated EventLoop) async throws -> Reply {
        try await send("GET", target, on: loop)
    }

    func send(
        _ method: String, _ target: String, body: String = "", on loop: isolated EventLoop
    ) async throws -> Reply {
        let connection = try connect()
        try connection.send(method, target, body: body)
        return try await connection.reply(on: loop)
    }

    func connect() throws -> ClientConnection { try ClientConnection(port: port) }
}

/// One request's connection; the loopback's accept queue and buffers take what it sends without waiting.
final class ClientConnection: ReadinessHandler {
    private let fd: CInt
    private var reading: (reactor: Reactor, wait: WaitID)?

    fileprivate init(port: UInt16) throws {
        fd = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe Glibc.connect(fd, address, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw SystemError("connect") }
    }

    deinit { close(fd) }

    func send(_ method: String, _ target: String, body: String = "") throws {
        let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
        let request = "\(method) \(target) HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\(length)\r\n\(body)"
        let count = unsafe Array(request.utf8).withUnsafeBytes { bytes in
            unsafe Glibc.send(fd, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
        }
        guard count == request.utf8.count else { throw SystemError("send") }
    }

    /// Reads until the server closes.
    func reply(on loop: isolated EventLoop) async throws -> Reply {
        try loop.reactor.watch(fd, .readable, .edge, self)
        defer { loop.reactor.forget(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { buffer in
                unsafe recv(fd, buffer.baseAddress, buffer.count, CInt(MSG_DONTWAIT))
            }
            if count > 0 {
                bytes += buffer[..<count]
            } else if count == 0 {
                return try Reply(String(decoding: bytes, as: UTF8.self))
            } else if errno == EAGAIN {
                let wait = loop.reactor.makeWait()
                reading = (loop.reactor, wait)
                _ = await loop.suspend(wait)
                reading = nil
            } else {
                throw SystemError("recv")
            }
        }
    }

    func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        if let (reactor, wait) = reading { reactor.wake(wait) }
    }
}

/// An answer, taken apart as far as tests look.
struct Reply: Equatable, Sendable {
    struct Malformed: Error {}

    var status: Int
    /// `name: value` lines.
    var fields: [String]
    var body: String

    init(_ text: String) throws {
        guard let (head, body) = Self.split(text, at: "\r\n\r\n") else { throw Malformed() }
        let lines = head.split(separator: "\r\n")
        guard let code = lines.first?.split(separator: " ").dropFirst().first, let status = Int(code) else {
            throw Malformed()
        }
        (self.status, self.body) = (status, String(body))
        fields = lines.dropFirst().map(String.init)
    }

    var type: String? { field("Content-Type") }

    func field(_ name: String) -> String? {
        fields.first { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) }
    }

    private static func split(_ text: String, at separator: String) -> (Substring, Substring)? {
        guard let range = text.firstRange(of: separator) else { return nil }
        return (text[..<range.lowerBound], text[range.upperBound...])
    }
}
