import EventLoop
import Glibc

/// A client's connection for one request. Confined to its loop; closes with the object.
final class Client: ReadinessHandler {
    private let fd: CInt
    private let reactor: Reactor
    private var reading: WaitID?

    /// - Parameter host: the last part of an address of the loopback.
    init(host: UInt32 = 1, port: UInt16, on loop: isolated EventLoop) throws(SystemError) {
        reactor = loop.reactor
        fd = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = (UInt32(0x7F00_0000) + host).bigEndian
        // The loopback's accept queue takes it without waiting.
        let code = unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe Glibc.connect(fd, address, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw SystemError("connect") }
    }

    deinit { close(fd) }

    /// Sends bytes that the socket's buffer holds.
    func send(_ text: String) throws(SystemError) {
        let count = unsafe Array(text.utf8).withUnsafeBytes { bytes in
            unsafe Glibc.send(fd, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
        }
        guard count == text.utf8.count else { throw SystemError("send") }
    }

    /// Reads until the server closes.
    func reply(on loop: isolated EventLoop) async throws -> Reply {
        // Only while someone reads: the loop keeps what it watches alive.
        try reactor.watch(fd, .readable, .edge, self)
        defer { reactor.forget(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { buffer in
                unsafe recv(fd, buffer.baseAddress, buffer.count, CInt(MSG_DONTWAIT))
            }
            switch count {
            case 1...: bytes += buffer[..<count]
            case 0: return try Reply(String(decoding: bytes, as: UTF8.self))
            default:
                guard errno == EAGAIN else { throw SystemError("recv") }
                let wait = reactor.makeWait()
                reading = wait
                _ = await loop.reactor.suspend(wait)
                reading = nil
            }
        }
    }

    func descriptorReady(_ fd: CInt, _ events: IOEvents) {
        if let reading { reactor.wake(reading) }
    }
}

/// An answer, taken apart as far as tests look.
struct Reply: Sendable {
    struct Malformed: Error { let text: String }

    var status: Int
    /// `name: value` lines.
    var fields: [String]
    var body: String

    init(_ text: String) throws(Malformed) {
        guard let end = text.firstRange(of: "\r\n\r\n") else { throw Malformed(text: text) }
        let lines = text[..<end.lowerBound].split(separator: "\r\n").map(String.init)
        guard let code = lines.first?.split(separator: " ").dropFirst().first, let status = Int(code) else {
            throw Malformed(text: text)
        }
        (self.status, fields, body) = (status, Array(lines.dropFirst()), String(text[end.upperBound...]))
    }

    subscript(name: String) -> String? {
        fields.first { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) }
    }

    /// The entries of Server-Timing.
    var timings: [Timing] {
        (self["Server-Timing"] ?? "").split(separator: ", ").map { entry in
            let parts = entry.split(separator: ";").map(String.init)
            func value(_ key: String) -> String? {
                parts.first { $0.hasPrefix(key + "=") }.map { String($0.dropFirst(key.count + 1)) }
            }
            return Timing(
                call: parts.first ?? "", start: value("start").flatMap(Double.init),
                duration: value("dur").flatMap(Double.init) ?? -1, outcome: value("desc") ?? "")
        }
    }

    struct Timing: Sendable {
        var call: String
        var start: Double?
        var duration: Double
        var outcome: String
    }
}
