import DemoUpstream
import EventLoop
import Gather
import HTTPServer
import HTTPTypes
import HTTPWire

/// The pages that show what the service does, where the configuration asks for them.
enum Demonstration { case welcome, hello, tasks }

/// Answers the demonstration endpoints.
struct Demonstrations {
    private let welcome: Welcome
    let routes: [(String, Demonstration)]

    /// - Parameter isEnabled: whether there are any.
    init(isEnabled: Bool, endpoints: [Endpoint], address: String) {
        routes = isEnabled ? [("/", .welcome), ("/hello", .hello), ("/tasks", .tasks)] : []
        welcome = Welcome(endpoints: endpoints.map { Welcome.Endpoint($0.method, $0.path) }, address: address)
    }

    /// The answer of a page that waits for nothing; nil for `/tasks`.
    func response(_ page: Demonstration, _ head: RequestHead) -> Response? {
        switch page {
        case .welcome: welcome.response(accept: head[.accept])
        case .hello: HelloDemonstration.response
        case .tasks: nil
        }
    }
}
