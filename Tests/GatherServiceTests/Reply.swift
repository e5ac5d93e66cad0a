import EventLoop
import TestSupport

extension SocketEnd {
    /// Reads an answer until the server closes.
    func reply(on loop: isolated EventLoop) async throws -> Reply { try Reply(try await text(on: loop)) }
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
