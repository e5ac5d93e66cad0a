package import HTTPTypes

/// What a request is called in logs, in its answer and at upstreams (`X-Request-ID`): a word that can stand anywhere.
public struct RequestID: Sendable, Hashable {
    public let text: String

    /// How long one may be.
    public static let mostBytes = 128

    /// The name that a client has given; nil if it is empty, too long, or has other characters than letters, digits and
    /// `-_.:/+=@~`, which mean nothing to a shell, a page or a line of a log.
    public init?(_ name: ArraySlice<UInt8>) {
        guard (1...Self.mostBytes).contains(name.count), name.allSatisfy(\.isOfRequestID) else { return nil }
        text = String(decoding: name, as: UTF8.self)
    }

    /// The name that a client has given, as ``init(_:)-(ArraySlice<UInt8>)`` has it.
    public init?(_ name: String) { self.init(Array(name.utf8)[...]) }

    /// 128 bits as 32 hexadecimal digits.
    public init(_ high: UInt64, _ low: UInt64) {
        var digits: [UInt8] = []
        digits.reserveCapacity(32)
        digits.append(hex: high)
        digits.append(hex: low)
        text = String(decoding: digits, as: UTF8.self)
    }
}

extension RequestID: CustomStringConvertible {
    public var description: String { text }
}

extension HTTPField.Name {
    package static let xRequestID = known("X-Request-ID")

    /// A name that the program is written with.
    package static func known(_ name: String) -> Self {
        guard let name = Self(name) else { preconditionFailure("'\(name)' is not the name of a header field") }
        return name
    }
}

extension UInt64 {
    /// One of its sixteen hexadecimal digits, the most significant first, in lower case.
    func hexDigit(_ index: Int) -> UInt8 {
        let digit = UInt8(truncatingIfNeeded: self >> UInt64(60 - 4 * index)) & 15
        return digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }
}

extension UInt8 {
    fileprivate var isOfRequestID: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "-")...UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "="),
            UInt8(ascii: "@"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
