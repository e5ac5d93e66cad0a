/// A request or a response, taken apart as far as tests look.
public struct Message: Equatable, Sendable {
    public struct Malformed: Error {}

    /// The request line or the status line.
    public var start: String
    /// `name: value` lines.
    public var fields: [String]
    public var body: String

    /// Takes a message off the front of `bytes`; nil as long as it is not complete.
    /// - Parameters:
    ///   - method: of the request that a response answers.
    ///   - isWhole: that nothing follows, so that what has no length is complete.
    init?(_ bytes: inout [UInt8], for method: String, isWhole: Bool) {
        guard let head = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<head.lowerBound], as: UTF8.self).split(separator: "\r\n")
        guard let first = lines.first else { return nil }
        start = String(first)
        fields = lines.dropFirst().map(String.init)
        body = ""
        let isResponse = start.hasPrefix("HTTP/")
        var length = isResponse && !(100..<200 ~= status) && status != 204 ? nil : 0
        if let given = field("Content-Length") { length = Int(given) }
        if isResponse, method == "HEAD" { length = 0 }
        guard isWhole || length.map({ bytes.count - head.upperBound >= $0 }) ?? false else { return nil }
        let end = length.map { min(bytes.count, head.upperBound + $0) } ?? bytes.count
        body = String(decoding: bytes[head.upperBound..<end], as: UTF8.self)
        bytes.removeFirst(end)
    }

    /// The status of a response, 0 of a request.
    public var status: Int {
        guard start.hasPrefix("HTTP/") else { return 0 }
        return start.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }

    public var type: String? { field("Content-Type") }

    public func field(_ name: String) -> String? {
        fields.first { $0.lowercased().hasPrefix(name.lowercased() + ":") }
            .map { String($0.dropFirst(name.count + 1).drop { $0 == " " }) }
    }
}
