import CCurl
import Glibc
import HTTPTypes
public import HTTPWire

/// How long a server wants to be left alone: what a `Retry-After` field says (RFC 9110 §10.2.3).
enum RetryAfter {
    /// Longer than a year is as good as for ever.
    private static let most = 31_536_000

    /// The seconds that are left of it; nil if it is neither a number of seconds nor a date.
    /// - Parameters:
    ///   - date: the `Date` field of the same response. Both come from one clock, and the time between them is right even if that
    ///     clock and ours are not.
    ///   - clock: the seconds since 1970, where there is no `Date`.
    static func seconds(_ value: String, sent date: String?, clock: @autoclosure () -> Int) -> Int? {
        if !value.isEmpty, value.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return min(Int(value) ?? most, most)
        }
        guard let due = time(value) else { return nil }
        return min(max(0, due - (date.flatMap(time) ?? clock())), most)
    }

    /// The seconds since 1970 of a date in one of the three forms that have to be accepted (RFC 9110 §5.6.7), or one like them.
    ///
    /// Two digits above 70 are a year of the last century to libcurl, of this one to the RFC: either way nobody waits for it.
    private static func time(_ text: String) -> Int? {
        let seconds = unsafe curl_getdate(text, nil)
        return seconds < 0 ? nil : seconds
    }
}

extension ClientResponse {
    /// The same of a response that kept its fields; nil if it has no such field.
    public var retryAfter: Int? {
        guard !fields.isEmpty, let value = fields[.retryAfter] else { return nil }
        return RetryAfter.seconds(value, sent: fields[.date], clock: time(nil))
    }
}
