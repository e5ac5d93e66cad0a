/// A range of IP addresses with a common prefix: `10.0.0.0/8`, `2001:db8::/32`, or a single address.
public struct IPNetwork: Sendable, Hashable, CustomStringConvertible {
    /// The first address, with IPv4 mapped into IPv6 (RFC 4291 §2.5.5.2), so that a socket for both families
    /// makes no difference.
    private let first: SocketAddress.Words
    /// How many leading bits all addresses share.
    private let bits: Int
    public let description: String

    /// Nil if the text is not a network, or has host bits set: `10.0.0.1/8` may be a mistake.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = try? SocketAddress(host: String(parts[0]), port: 0),
            let first = address.words
        else { return nil }
        let offset = parts[0].contains(":") ? 0 : 96
        var bits = 128
        if parts.count == 2 {
            let digits = parts[1].utf8
            guard (1...3).contains(digits.count), digits.allSatisfy({ (48...57).contains($0) }),
                let given = Int(parts[1]), given <= 128 - offset
            else { return nil }
            bits = offset + given
        }
        guard first.masked(to: bits) == first else { return nil }
        (self.first, self.bits, description) = (first, bits, text)
    }

    /// Whether an address is in the range; a path never is.
    public func contains(_ address: SocketAddress) -> Bool { address.words?.masked(to: bits) == first }
}

extension SocketAddress {
    /// The 128 bits of an IPv6 address, in two halves.
    struct Words: Hashable {
        var high, low: UInt64

        /// With all bits after the first `bits` cleared.
        func masked(to bits: Int) -> Words {
            Words(
                high: bits >= 64 ? high : bits == 0 ? 0 : high & ~(UInt64.max >> UInt64(bits)),
                low: bits >= 128 ? low : bits <= 64 ? 0 : low & ~(UInt64.max >> UInt64(bits - 64)))
        }
    }

    /// The address in IPv6 form; nil for a path.
    var words: Words? {
        switch host {
        case .ipv4(let address): Words(high: 0, low: 0xFFFF << 32 | UInt64(UInt32(bigEndian: address)))
        case .ipv6(let high, let low): Words(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
        case .path: nil
        }
    }

    /// The address alone, as text; IPv4 in its own form, whatever socket it came by.
    package var hostText: String {
        if case .ipv6 = host, let words, words.high == 0, words.low >> 32 == 0xFFFF {
            return SocketAddress(host: .ipv4(UInt32(truncatingIfNeeded: words.low).bigEndian), port: 0).hostText
        }
        let text = description
        if text.hasPrefix("[") { return String(text.dropFirst().prefix { $0 != "]" }) }
        if case .path = host { return text }
        return String(text.prefix { $0 != ":" })
    }
}
