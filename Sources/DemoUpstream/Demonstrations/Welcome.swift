import HTTPServer
import HTTPTypes

/// `GET /`: what there is to try, as a page for a browser and as text with commands for a terminal.
public struct Welcome: Sendable {
    /// Something to try.
    public struct Endpoint: Sendable {
        let method: HTTPRequest.Method
        let path: String
        let title: String
        /// What is sent to it, if its method sends something.
        public let body: String

        /// - Parameters:
        ///   - path: as it is routed; parameters such as `{id}` become 1 in the examples.
        ///   - title: one line for people; without it the path must do.
        ///   - body: JSON to send.
        public init(_ method: HTTPRequest.Method = .get, _ path: String, title: String = "", body: String = "{}") {
            self.method = method
            self.path = path
            self.title = title
            self.body = body
        }

        /// What this module has to show.
        static let demonstrations = [
            Endpoint(.get, "/tasks?sleep=1s,2s,3s", title: "Three sleeps at once, on one thread: 3 s, not 6"),
            Endpoint(.get, "/tasks?sleep=1s,2s,3s&mode=sequential", title: "The same one after the other: 6 s"),
            Endpoint(
                .get, "/tasks?sleep=1s,2s,3s&mode=race",
                title: "The first to succeed; also wait-first, as-completed, and timeout with timeout=1500ms"),
            Endpoint(.get, "/tasks?sleep=1s,2s:fail,3s", title: "One fails, and the rest is cancelled"),
            Endpoint(.get, "/hello", title: "The server alone"),
        ]

        /// The path with a value for each parameter.
        var examplePath: String {
            var example = path.hasPrefix("/") ? "" : "/"
            var rest = path[...]
            while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
                example += rest[..<open] + "1"
                rest = rest[rest.index(after: close)...]
            }
            return example + rest
        }
    }

    private let html: [UInt8]
    private let text: [UInt8]

    /// Makes both forms of the page.
    /// - Parameters:
    ///   - endpoints: those of the service, before the demonstrations.
    ///   - address: where the service listens, `host:port`.
    ///   - plan: what the page's script knows about the endpoints: `{"endpoints":[…]}`.
    public init(endpoints: [Endpoint], address: String, plan: [UInt8] = Array(#"{"endpoints":[]}"#.utf8)) {
        let all = endpoints + Endpoint.demonstrations
        let origin = "http://" + Self.reachable(address)
        html = Array(Self.html(all, origin: origin, plan: plan).utf8)
        text = Array(Self.text(all, origin: origin).utf8)
    }

    /// The page for a client that sent this `Accept`: HTML if it names `text/html`, else text.
    public func response(accept: String?) -> Response {
        let wantsHTML = accept?.lowercased().contains("text/html") ?? false
        let type = wantsHTML ? "text/html; charset=utf-8" : "text/plain; charset=utf-8"
        var fields = wantsHTML ? Page.fields(type: type) : [.contentType: type]
        fields[.vary] = "Accept"
        return Response(.ok, fields: fields, body: wantsHTML ? html : text)
    }

    /// What the page is drawn with: `GET /gatherd.css`.
    public static var style: Response {
        Response(.ok, fields: Page.fields(type: "text/css; charset=utf-8"), body: Array(Page.style.utf8))
    }

    /// What the page does: `GET /gatherd.js`.
    public static var script: Response {
        Response(.ok, fields: Page.fields(type: "text/javascript; charset=utf-8"), body: Array(Page.script.utf8))
    }

    /// An address to connect to, for one that may mean all interfaces.
    private static func reachable(_ address: String) -> String {
        guard let colon = address.lastIndex(of: ":") else { return address }
        let isWildcard = ["", "0.0.0.0", "[::]"].contains(address[..<colon])
        return isWildcard ? "localhost" + address[colon...] : address
    }
}
