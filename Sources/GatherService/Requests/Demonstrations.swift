import DemoUpstream
import EventLoop
import Gather
import GatherConfig
import HTTPServer
import HTTPTypes
import HTTPWire
import Rehearsal

/// The pages that show what the service does, where the configuration asks for them.
enum Demonstration: Int, Sendable, CaseIterable {
    case welcome, style, script, hello, tasks

    var path: String {
        switch self {
        case .welcome: "/"
        case .style: "/gatherd.css"
        case .script: "/gatherd.js"
        case .hello: "/hello"
        case .tasks: "/tasks"
        }
    }

    /// Whether it is a whole page, not a part of one.
    var isPage: Bool { self != .style && self != .script }
}

/// Answers the demonstration endpoints.
struct Demonstrations: Sendable {
    private let welcome: Welcome
    let routes: [(String, Demonstration)]
    /// All paths, for those who try some; empty where nothing is demonstrated.
    private let paths: [String]

    /// - Parameter address: where the service listens, for the page that lists its endpoints.
    init(_ configuration: Configuration, address: String) {
        let isEnabled = configuration.demo?.endpoints ?? false
        routes = isEnabled ? Demonstration.allCases.map { ($0.path, $0) } : []
        let pages = routes.filter(\.1.isPage).map(\.0)
        paths = isEnabled ? pages + Array(Set(configuration.plan.endpoints.map(\.path))).sorted() : []
        let examples = isEnabled ? configuration.examples : []
        let plan = isEnabled ? PagePlan.json(of: configuration.plan.endpoints, bodies: examples.map(\.body)) : []
        welcome = Welcome(endpoints: examples, address: address, plan: plan)
    }

    /// What is said about a path that does not exist: the nearest ones where the service is being tried out; otherwise
    /// nothing about what exists.
    func notFound(_ path: ArraySlice<UInt8>) -> String {
        let problem = "no endpoint has this path"
        // The nearest name takes time that grows with the length of the path.
        guard !paths.isEmpty, path.count <= 100 else { return problem }
        let remedy = NearestName.remedy(for: String(decoding: path, as: UTF8.self), among: paths)
        return problem + (remedy.map { "; " + $0 } ?? "")
    }

    /// The answer of a page that waits for nothing; nil for `/tasks`.
    func response(_ page: Demonstration, _ head: RequestHead) -> Response? {
        switch page {
        case .welcome: welcome.response(accept: head[.accept])
        case .style: Welcome.style
        case .script: Welcome.script
        case .hello: HelloDemonstration.response
        case .tasks: nil
        }
    }
}

extension Configuration {
    /// The endpoints to try, each with the body of a test that sends one, since such a body makes sense there;
    /// otherwise one is made up.
    fileprivate var examples: [Welcome.Endpoint] {
        var tested: [Int: [UInt8]] = [:]
        for test in tests where tested[test.endpoint] == nil {
            tested[test.endpoint] = test.request.body.map { Array($0.text) }
        }
        return plan.endpoints.enumerated().map { index, endpoint in
            let body = tested[index] ?? SampleBody.request(to: endpoint) ?? Array("{}".utf8)
            return Welcome.Endpoint(endpoint.method, endpoint.path, body: String(decoding: body, as: UTF8.self))
        }
    }
}
