import HTTPServer

// example: handler
final class Greeter: Handler {
    func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
        guard request.head.method == .get else { return .now(.problem(.methodNotAllowed, "only GET")) }
        return .later {
            try await loop.sleep(for: .milliseconds(100))
            return Response(.ok, text: "hello\n")
        }
    }
}
// end

// example: router
/// Greets by name, and tells whom it has greeted.
final class Greetings: Handler {
    private enum Page { case greeting, names }

    private var router = Router<Page>()
    private var names: [String] = []

    init() {
        router.add(.get, "/greetings/{name}", .greeting)
        router.add(.get, "/names", .names)
    }

    func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
        router.answer(request) { page, parameters in
            switch page {
            case .greeting:
                names.append(parameters[0])
                return .now(Response(.ok, text: "hello, \(parameters[0])\n"))
            case .names: return .now(Response(.ok, text: names.joined(separator: " ")))
            }
        }
    }
}
// end

// example: server
func serve(_ listener: Listener) throws {
    try EventLoop.run(stoppingOn: [SIGINT, SIGTERM]) { loop in
        await Server(listener, handler: Greeter(), on: loop).run(on: loop)
    }
}
// end

// example: produced body
/// A number every second.
final class Counter: Handler {
    func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
        .now(
            Response(.ok, fields: RecordFormat.events.fields) { writer in
                for number in 1... {
                    try await writer.write(Array("data: \(number)\n\n".utf8), on: loop)
                    try await loop.sleep(for: .seconds(1))
                }
            })
    }
}
// end
