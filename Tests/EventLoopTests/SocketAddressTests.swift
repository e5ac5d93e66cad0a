@testable import EventLoop
import Testing

struct SocketAddressTests {
    @Test(
        "A client is known by its IPv4 address, or by 64 bits of its IPv6 address",
        arguments: [
            ("127.0.0.1:8080", "127.0.0.1:9", true), ("127.0.0.1:1", "127.0.0.2:1", false),
            ("[2001:db8::1]:1", "[2001:db8::ffff:0:0:2]:2", true), ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
            ("[::ffff:1.2.3.4]:1", "[::ffff:1.2.3.5]:1", false), ("[::ffff:1.2.3.4]:1", "1.2.3.4:2", true),
        ])
    func clients(_ one: String, _ other: String, _ areOne: Bool) throws {
        #expect((try SocketAddress(one).client == SocketAddress(other).client) == areOne)
    }

    @Test(
        "An address is read and written back",
        arguments: [
            ("127.0.0.1:8080", "127.0.0.1:8080", 8080), ("0.0.0.0:0", "0.0.0.0:0", 0),
            ("[::1]:80", "[::1]:80", 80), ("[2001:DB8:0:0::1]:65535", "[2001:db8::1]:65535", 65535),
            ("[::ffff:1.2.3.4]:1", "[::ffff:1.2.3.4]:1", 1), ("unix:/run/x.sock", "unix:/run/x.sock", nil),
            ("unix:relative:80", "unix:relative:80", nil),
        ] as [(String, String, UInt16?)])
    func reading(_ text: String, _ expected: String, _ port: UInt16?) throws {
        let address = try SocketAddress(text)
        #expect(address.description == expected)
        #expect(address.port == port)
        #expect(try SocketAddress(expected) == address)
    }

    @Test(
        "What is no address is told what is wrong with it",
        arguments: [
            ("", .noPort("")), ("127.0.0.1", .noPort("127.0.0.1")), ("127.0.0.1:", .badPort("127.0.0.1:")),
            ("127.0.0.1:65536", .badPort("127.0.0.1:65536")), ("127.0.0.1:+80", .badPort("127.0.0.1:+80")),
            ("127.0.0.1: 80", .badPort("127.0.0.1: 80")), ("::1:80", .badBrackets("::1:80")),
            ("[127.0.0.1]:80", .badBrackets("[127.0.0.1]:80")), ("[::1:80", .badBrackets("[::1:80")),
            ("[::g]:80", .notLiteral("::g")), (":80", .notLiteral("")), ("localhost:80", .notLiteral("localhost")),
            ("127.0.0.256:80", .notLiteral("127.0.0.256")), ("1.2.3:80", .notLiteral("1.2.3")),
            ("unix:", .badPath("")), ("unix:a\0b", .badPath("a\0b")),
        ] as [(String, SocketAddressError)])
    func refusal(_ text: String, _ expected: SocketAddressError) {
        #expect(throws: expected) { try SocketAddress(text) }
        #expect(!expected.description.isEmpty)
    }

    @Test func `a path fills what the kernel has for it, and no more`() throws {
        let longest = String(repeating: "p", count: 107)
        #expect(try SocketAddress(path: longest).description == "unix:\(longest)")
        #expect(throws: SocketAddressError.badPath(longest + "p")) { try SocketAddress(path: longest + "p") }
    }

    @Test func `a literal resolves to itself, and a name to addresses with the port`() throws {
        for text in ["127.0.0.1:1", "[::1]:1", "unix:/x"] {
            #expect(try SocketAddress.resolve(text) == [SocketAddress(text)])
        }
        let addresses = try SocketAddress.resolve("localhost:8080").map(\.description)
        #expect(!addresses.isEmpty)
        #expect(Set(addresses).isSubset(of: ["127.0.0.1:8080", "[::1]:8080"]))
    }

    @Test func `a name without an address is an error with the name`() throws {
        let error = #expect(throws: SocketAddressError.self) { try SocketAddress.resolve("no-such-host.invalid:80") }
        #expect(try #require(error).description.hasPrefix("'no-such-host.invalid' does not resolve: "))
        #expect(throws: SocketAddressError.self) { try SocketAddress.resolve(":80") }
    }
}
