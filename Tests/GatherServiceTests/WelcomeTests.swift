import EventLoop
import Testing

@testable import GatherService

@Suite struct WelcomeTests {
    @Test func `each command that the page prints is answered`() throws {
        let replies = try RunningService.run(patientConfiguration) { service, loop in
            let page = try await service.get("/", on: loop).body
            let origin = "http://127.0.0.1:\(service.port)"
            let commands = page.split(separator: "\n").filter { $0.contains("curl ") && $0.contains(origin) }
            var replies: [(command: String, status: Int)] = []
            for command in commands {
                // What sleeps for seconds does so for milliseconds here.
                let words = command.replacing(origin, with: "").replacing(#/(\d)s/#) { "\($0.1)ms" }
                let target = words.split(separator: " ").last?.filter { $0 != "'" } ?? ""
                let body = words.firstMatch(of: #/-d '(.*?)'/#).map { String($0.1) }
                let method = words.firstMatch(of: #/-X ([A-Z]+)/#).map { String($0.1) } ?? "GET"
                let reply = try await service.send(method, String(target), body: body, on: loop)
                replies.append((String(command), reply.status))
            }
            return replies
        }
        #expect(replies.count >= 10)
        #expect(replies.contains { $0.command.contains("-d ") })
        for reply in replies { #expect((200..<300).contains(reply.status), "\(reply.command)") }
    }

    @Test func `without a test that has one, the body is made of what the endpoint takes`() throws {
        let endpoints = """
            - path: /v1/orders
              method: POST
              calls:
                a: { post: "up:/a", body: { who: "{body.customer.id}", all: ["{body.skus[*]}", "{query.x ?? 1}"] } }
            """
        let page = try RunningService.run({ ports in
            var configuration = try scripted(endpoints)(ports)
            configuration.demo = .init()
            return configuration
        }) { service, loop in try await service.get("/", on: loop).body }
        #expect(page.contains(#" -d '{"customer":{"id":1},"skus":[1,2,3]}' "#))
    }
}
