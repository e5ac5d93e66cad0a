import EventLoop
import GatherConfig
import GatherFetch
import HTTPWire
import TestSupport
import Testing

@testable import Gather
@testable import GatherService

/// What the keys of an upstream change that libcurl acts on.
@Suite(.blocking) struct UpstreamKeyTests {
    private static let endpoint = #"- { path: /v1/a, deadline: 20s, expose: outcomes, calls: { a: { get: "up:/a" } } }"#

    /// The reply to a gather of one call, and what its upstream heard.
    private func gather(
        hosts: String = "http://127.0.0.1:PORT", _ options: String, _ answer: ScriptedUpstream.Script
    ) throws -> (reply: Reply, lines: [String]) {
        try RunningService.run({ ports in
            let hosts = hosts.replacing("PORT", with: "\(ports.scripted)")
            let text = "version: 1\nupstreams: { up: { hosts: [\(hosts)], \(options) } }\nendpoints:\n" + Self.endpoint
            return try Configuration.read(text: text, file: "test.yaml")
        }) { service, loop in
            service.upstream.answers = ["a": answer]
            return (try await service.get("/v1/a", on: loop), service.upstream.requests.map(\.line))
        }
    }

    @Test func `a host's prefix goes before each target, and each host is asked where it is`() throws {
        #expect(try gather(hosts: "http://127.0.0.1:PORT/a/b", "", .json("1")).lines == ["GET /a/b/a"])
        // No server listens at the first, so that the second attempt goes to the other, or the first one went there.
        for _ in 0..<8 {
            let hosts = "http://127.0.0.1:1, http://127.0.0.1:PORT"
            #expect(try gather(hosts: hosts, "retry: { backoff: 0ms }", .json("1")).reply.status == 200)
        }
    }

    @Test(
        "What is larger or takes longer than the upstream may ends the call",
        arguments: [
            (
                "max_body: 64B", ScriptedUpstream.Script.json("\"" + String(repeating: "x", count: 100) + "\""),
                "bad_response"
            ),
            ("max_head: 1KiB", .field(2000), "bad_response"),
            ("timeout: 20ms", .never, "timeout"),
        ])
    func limits(_ option: String, _ answer: ScriptedUpstream.Script, _ outcome: String) throws {
        let limited = try gather(option, answer).reply
        #expect(limited.status != 200)
        #expect(limited.body.contains(#""outcome":"\#(outcome)""#))
        guard outcome != "timeout" else { return }
        #expect(try gather("", answer).reply.status == 200)
    }

    @Test func `connect_timeout is for connecting`() throws {
        let failure = try EventLoop.run { loop in
            // One connection fills the queue; the kernel drops the handshakes behind it.
            let listener = try SocketListener(backlog: 0, on: loop)
            let first = try SocketEnd(port: listener.port, on: loop)
            defer { first.close() }
            var upstream = Upstream(name: "up", hosts: [try Origin("http://127.0.0.1:\(listener.port)")])
            // The default would not be over by the deadline.
            let timeout = upstream.connectTimeout - .milliseconds(1)
            upstream.connectTimeout = .milliseconds(20)
            let upstreams = try CurlUpstreams([upstream], on: loop)
            defer { upstreams.close() }
            let deadline = loop.now.advanced(by: timeout)
            let request = ClientRequest(path: "/")
            var failure: UpstreamFailure?
            do throws(UpstreamFailure) {
                _ = try await upstreams.send(
                    request, to: UpstreamIndex(0), host: HostIndex(0), until: deadline, on: loop)
            } catch {
                failure = error
            }
            return failure
        }
        guard case .notConnected = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
    }
}
