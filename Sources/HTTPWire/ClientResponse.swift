import Glibc
import HTTPTypes

/// A response from an upstream that has come in whole.
public struct ClientResponse: Sendable {
    public var status: Int
    /// The fields; empty if they were not kept.
    public var fields: FieldSection
    public var body: [UInt8]

    public init(status: Int, fields: FieldSection = FieldSection(), body: [UInt8]) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// How the body is encoded, if it is (RFC 9110 §8.4); as much of it as says so.
    public var contentCoding: String? {
        guard !fields.isEmpty, let coding = fields[.contentEncoding], !coding.isEmpty else { return nil }
        return coding.lowercased() == "identity" ? nil : String(coding.prefix(40))
    }

    /// How many seconds the server wants to be left alone; nil if its fields do not say so, or were not kept.
    public var retryAfter: Int? {
        guard !fields.isEmpty, let value = fields[.retryAfter] else { return nil }
        return RetryAfter.seconds(value, sent: fields[.date], clock: time(nil))
    }
}

/// How long a server wants to be left alone: what a `Retry-After` field says (RFC 9110 §10.2.3).
enum RetryAfter {
    /// Longer than a year is as good as for ever.
    private static let most = 31_536_000

    /// The seconds that are left of it; nil if it is neither a number of seconds nor a date.
    /// - Parameters:
    ///   - date: the `Date` field of the same response. Both come from one clock, and the time between them is right
    ///     even if that clock and ours are not.
    ///   - clock: the seconds since 1970, where there is no `Date`.
    static func seconds(_ value: String, sent date: String?, clock: @autoclosure () -> Int) -> Int? {
        if !value.isEmpty, value.utf8.allSatisfy(\.isDigit) { return min(Int(value) ?? most, most) }
        guard let due = HTTPDate.unixSeconds(value) else { return nil }
        return min(max(0, due - (date.flatMap(HTTPDate.unixSeconds) ?? clock())), most)
    }
}
