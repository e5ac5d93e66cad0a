import EventLoop
import HTTPServer
import HTTPTypes
import HTTPWire

/// The pages that show what the service does, where the configuration asks for them.
enum Demonstration { case welcome, hello, tasks }

/// Answers the demonstration endpoints.
struct DemonstrationResponder {
    let isEnabled: Bool

    var routes: [(String, Demonstration)] {
        isEnabled ? [("/", .welcome), ("/hello", .hello), ("/tasks", .tasks)] : []
    }

    func respond(_ page: Demonstration, _ head: RequestHead, on loop: isolated EventLoop) async -> Response {
        switch page {
        case .welcome: Response(.ok, text: "welcome\n")
        case .hello: Response(.ok, text: "Hello, World!", type: "text/plain")
        case .tasks: Response(.ok, text: "tasks\n")
        }
    }
}
