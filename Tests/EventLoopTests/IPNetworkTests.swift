import EventLoop
import Testing

@Suite struct IPNetworkTests {
    @Test(
        "A network holds the addresses that begin as it does",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false), ("0.0.0.0/0", "255.255.255.255", true), ("0.0.0.0/0", "::1", false),
            ("192.0.2.128/25", "192.0.2.127", false), ("192.0.2.128/25", "192.0.2.128", true),
            // As a socket for both families has it.
            ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false), ("::/0", "2001:db8::1", true), ("::/0", "10.0.0.1", true),
            ("2001:db8::/65", "2001:db8:0:0:8000::", false), ("::1/128", "::1", true),
        ])
    func contains(_ network: String, _ address: String, _ isIn: Bool) throws {
        let network = try #require(IPNetwork(network))
        #expect(network.contains(try SocketAddress(host: address, port: 1)) == isIn)
    }

    @Test(arguments: [
        "", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/+8", "10.0.0.0/8/8", "host", "10.0.0/8",
        "2001:db8::1/32",
    ])
    func `other texts are not networks`(_ text: String) { #expect(IPNetwork(text) == nil) }
}
