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

// example: server
func serve(_ listener: Listener, until stop: Latch, on loop: isolated EventLoop) async {
    let server = Server(listener, handler: Greeter(), on: loop)
    await server.run(drain: stop, abort: Latch(), on: loop)
}
// end
