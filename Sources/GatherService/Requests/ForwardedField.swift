/// What a `Forwarded` field says (RFC 7239): how a request came, from the client on.
struct ForwardedField: Equatable {
    /// One proxy's word; nil for what it does not say.
    struct Element: Equatable {
        /// An address, perhaps with a port; IPv6 in brackets.
        var node: String?
        var host: String?
        var scheme: String?
    }

    var elements: [Element] = []

    /// Nil if the value is malformed.
    init?(_ value: String) {
        var rest = Array(value.utf8)[...]
        while true {
            var element = Element()
            while true {
                Self.skipSpace(&rest)
                if let byte = rest.first, byte != UInt8(ascii: ";"), byte != UInt8(ascii: ",") {
                    guard let (name, value) = Self.pair(&rest) else { return nil }
                    switch name.lowercased() {
                    case "for" where element.node == nil: element.node = value
                    case "host" where element.host == nil: element.host = value
                    case "proto" where element.scheme == nil: element.scheme = value
                    // A name comes once (§4).
                    case "for", "host", "proto": return nil
                    default: break
                    }
                }
                Self.skipSpace(&rest)
                guard rest.first == UInt8(ascii: ";") else { break }
                rest.removeFirst()
            }
            elements.append(element)
            guard let byte = rest.popFirst() else { return }
            guard byte == UInt8(ascii: ",") else { return nil }
        }
    }

    private static func skipSpace(_ rest: inout ArraySlice<UInt8>) { rest = rest.drop { $0 == 0x20 || $0 == 0x09 } }

    /// `for=192.0.2.1`, `for="[2001:db8::1]:80"`
    private static func pair(_ rest: inout ArraySlice<UInt8>) -> (name: String, value: String)? {
        let name = rest.prefix(while: isToken)
        rest = rest.dropFirst(name.count)
        guard !name.isEmpty, rest.popFirst() == UInt8(ascii: "=") else { return nil }
        var value: [UInt8] = []
        if rest.first == UInt8(ascii: "\"") {
            rest.removeFirst()
            while true {
                guard let byte = rest.popFirst() else { return nil }
                if byte == UInt8(ascii: "\"") { break }
                if byte == UInt8(ascii: "\\") {
                    guard let escaped = rest.popFirst() else { return nil }
                    value.append(escaped)
                } else {
                    value.append(byte)
                }
            }
        } else {
            value = Array(rest.prefix(while: isToken))
            rest = rest.dropFirst(value.count)
            guard !value.isEmpty else { return nil }
        }
        return (String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
    }

    /// RFC 9110 §5.6.2.
    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    /// What we say of a request: for an address, by a host and scheme that it was asked with.
    static func element(for address: String, host: String, scheme: String) -> String {
        let node = address.contains(":") ? "\"[\(address)]\"" : address
        var text = "for=\(node);proto=\(scheme)"
        // What a host has in it can stand in quotes, but for these.
        if !host.isEmpty, !host.contains("\""), !host.contains("\\") { text += ";host=\"\(host)\"" }
        return text
    }
}
