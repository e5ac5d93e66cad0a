import Testing

@testable import HTTPWire

/// What a proxy says of a connection, in both versions of its protocol.
@Suite struct ProxyHeaderTests {
    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    private static func binary(_ command: UInt8, _ family: UInt8, _ rest: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? rest.count
        return signature + [command, family, UInt8(length >> 8), UInt8(length & 255)] + rest
    }

    private static let ipv4: [UInt8] = [192, 0, 2, 1, 192, 0, 2, 9, 0x1F, 0x90, 0, 80]
    private static let ipv6: [UInt8] =
        [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1] + [UInt8](repeating: 0, count: 16) + [
            0, 1, 0, 80,
        ]

    private static let good: [([UInt8], ProxyHeader.Source)] = [
        (Array("PROXY TCP4 192.0.2.1 192.0.2.9 8080 80\r\n".utf8), .address("192.0.2.1", port: 8080)),
        (Array("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n".utf8), .address("2001:db8::1", port: 0)),
        (Array("PROXY UNKNOWN\r\n".utf8), .unknown),
        (Array("PROXY UNKNOWN ffff::1 whatever it is\r\n".utf8), .unknown),
        (binary(0x21, 0x11, ipv4), .address("192.0.2.1", port: 8080)),
        // Additions are skipped.
        (binary(0x21, 0x11, ipv4 + [3, 0, 4, 1, 2, 3, 4]), .address("192.0.2.1", port: 8080)),
        (binary(0x21, 0x21, ipv6), .address("2001:db8:0:0:0:0:0:1", port: 1)),
        (binary(0x21, 0x31, [UInt8](repeating: 0, count: 216)), .unknown),
        (binary(0x21, 0x00, []), .unknown),
        (binary(0x20, 0x00, []), .unknown),
        (binary(0x20, 0x11, ipv4), .unknown),
    ]

    @Test func `a header is read, wherever its bytes were parted`() throws {
        for (bytes, source) in Self.good {
            for count in 0..<bytes.count {
                let beginning = Array(bytes[..<count])
                let parsed = try ProxyHeader.parse(beginning.span)
                #expect(parsed == .needMore, "\(bytes) \(count)")
            }
            let whole = bytes + Array("GET / HTTP/1.1\r\n".utf8)
            let parsed = try ProxyHeader.parse(whole.span)
            #expect(parsed == .complete(source, consumed: bytes.count))
        }
    }

    @Test func `anything else is refused, as soon as it is certain`() {
        var bad: [[UInt8]] = [
            "GET / HTTP/1.1", "PROXX", "proxy TCP4", "PROXY TCP4 192.0.2.1 192.0.2.9 8080\r\n", "PROXY\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.9 8080 80 \r\n", "PROXY  TCP4 192.0.2.1 192.0.2.9 8080 80\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.9 8080 65536\r\n", "PROXY TCP4 192.0.2.1 192.0.2.9 08080 80\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.9 -1 80\r\n", "PROXY TCP4 2001:db8::1 ::1 1 1\r\n",
            "PROXY TCP6 192.0.2.1 192.0.2.9 1 1\r\n", "PROXY UDP4 192.0.2.1 192.0.2.9 1 1\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.9 1 1\n", "PROXY TCP4 192.0.2.1 192.0.2.9 1 1\rX", "PROXY TCP4 \u{0}",
            "PROXY " + String(repeating: "x", count: 100) + "\r\n", "\r\n\r\n\u{0}\r\nQUIT ",
        ].map { Array($0.utf8) }
        bad += [
            Self.binary(0x11, 0x11, Self.ipv4), Self.binary(0x22, 0x11, Self.ipv4), Self.binary(0x21, 0x12, Self.ipv4),
            Self.binary(0x21, 0x41, Self.ipv4), Self.binary(0x21, 0x11, Array(Self.ipv4.dropLast())),
            Self.binary(0x21, 0x21, Array(Self.ipv6.dropLast())), Self.binary(0x21, 0x11, Self.ipv4, length: 2033),
            Self.binary(0x20, 0x00, [], length: 65_535),
        ]
        for bytes in bad {
            #expect(throws: RequestError.badRequest(.invalidProxyHeader), "\(bytes)") {
                try ProxyHeader.parse(bytes.span)
            }
        }
    }
}
