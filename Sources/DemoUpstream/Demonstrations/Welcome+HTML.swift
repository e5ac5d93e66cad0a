extension Welcome {
    /// A page that needs nothing but itself. Links are relative, so that they work behind a forwarded port.
    static func html(_ endpoints: [Endpoint], origin: String, plan: [UInt8]) -> String {
        Page.markup(entries: endpoints.map { entry($0, origin: origin) }, plan: plan)
    }

    /// What is said of one thing to try.
    private static func entry(_ endpoint: Endpoint, origin: String) -> String {
        let name = Page.escaped("\(endpoint.method.rawValue) \(endpoint.path)")
        let title = endpoint.title.isEmpty ? "" : "<p class=\"hint\">\(Page.escaped(endpoint.title))</p>\n"
        let link = endpoint.method == .get ? "<a href=\"\(Page.escaped(endpoint.examplePath))\">\(name)</a>" : name
        let command = Page.escaped(command(endpoint, origin: origin))
        return "<li>\n<h3>\(link)</h3>\n\(title)<pre class=\"command\">\(command)</pre>\n</li>"
    }
}
