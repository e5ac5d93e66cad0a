import Testing

@testable import GatherService

/// What the environment says of sockets that another process has opened.
@Suite struct InheritedSocketsTests {
    private func sockets(_ environment: [String: String]) -> InheritedSockets {
        InheritedSockets(environment: environment, process: 7)
    }

    /// The descriptor for each role, in their order.
    private func roles(_ sockets: InheritedSockets, at address: String = "127.0.0.1:1") -> [Int32?] {
        Listening.Role.allCases.map { sockets.socket(for: $0, at: address)?.fd }
    }

    @Test func `a socket is for the role that it is named after`() {
        let named = sockets(["LISTEN_PID": "7", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "shop:listen:admin"])
        #expect(roles(named) == [4, 5, 3])
        #expect(named.unknown.isEmpty)
        #expect(named.socket(for: .admin, at: "anywhere")?.isManagers == true)
    }

    @Test("The only one without such a name is clients'", arguments: [nil, "", "unknown", "gatherd.socket"])
    func nameless(_ name: String?) {
        var environment = ["LISTEN_PID": "7", "LISTEN_FDS": "1"]
        environment["LISTEN_FDNAMES"] = name
        #expect(roles(sockets(environment)) == [3, nil, nil])
        #expect(sockets(environment).unknown.isEmpty)
    }

    @Test func `names that leave it open what a socket is for are an error`() {
        let two = sockets(["LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"])
        #expect(two.unknown.map(\.name) == ["a", "b"])
        let besides = sockets(["LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "listen:b"])
        #expect(besides.unknown.map(\.name) == ["b"])
    }

    @Test(
        "What is meant for another process, or is no number, is not looked at",
        arguments: [
            ["LISTEN_FDS": "1"], ["LISTEN_PID": "8", "LISTEN_FDS": "1"], ["LISTEN_PID": "7", "LISTEN_FDS": "x"], [:],
        ])
    func others(_ environment: [String: String]) {
        #expect(sockets(environment).sockets.isEmpty)
    }

    @Test func `a socket of the process before is taken where the configuration has the same address`() {
        let handedOver = sockets([
            "LISTEN_FDS": "3", "LISTEN_FDNAMES": "listen:admin:ready",
            InheritedSockets.handOverVariable: "listen=127.0.0.1:1,admin=manager",
        ])
        #expect(handedOver.readiness == 5)
        #expect(roles(handedOver) == [3, 4, nil])
        #expect(roles(handedOver, at: "127.0.0.1:2") == [nil, 4, nil])
        #expect(handedOver.socket(for: .clients, at: "127.0.0.1:1")?.isManagers == false)
        #expect(handedOver.socket(for: .admin, at: "127.0.0.1:1")?.isManagers == true)
    }
}
