import Gather

/// Reads the keys at the root of the file.
struct RootReader {
    let environment: [String: String]
    /// The configuration's file, to which the names of included files are relative; nil for text that is not in a file.
    var file: String?

    func read(_ node: Node) -> Configuration? {
        if node["version"]?.spelling != "1", KrakenDFile.isOne(node) {
            return node.report.error(
                "this is a KrakenD configuration", remedy: "translate it: gatherd import \(node.report.file)",
                at: .file)
        }
        let keys = ["version", "include", "server", "defaults", "upstreams", "endpoints", "demo", "traces"]
        guard let root = Section(node, keys: keys) else { return nil }
        Self.checkVersion(root.required("version", such: "version: 1"))
        var included = IncludedFiles(of: file, environment: environment)
        if let list = root["include"] { included.read(list) }
        func all(_ key: String) -> [Node] { ([root[key]] + included.roots.map { $0[key] }).compactMap(\.self) }
        let defaults = Defaults(root["defaults"])
        var access = AccessReader()
        let server = root["server"].map { ServerReader.read($0, &access) } ?? ServerSettings()
        let demo = root["demo"].flatMap(DemoReader.read)
        let traces = root["traces"].flatMap(TraceReader.read)
        let upstreams = UpstreamReader.readAll(all("upstreams"), defaults)
        let upstreamNodes = Dictionary(upstreams.map { ($0.value.name, $0.member.value) }) { first, _ in first }
        var endpoints = EndpointsReader(
            upstreams: upstreams.map(\.value.name), environment: environment, disclosure: server.disclosure,
            ignoresLastSlash: server.ignoresLastSlash, access: access)
        let lists = all("endpoints")
        let elements = lists.flatMap { $0.elements(expected: "a list of endpoints") ?? [] }
            .map { defaults.completed(endpoint: $0, upstreams: upstreamNodes) }
        endpoints.read(elements)
        if lists.isEmpty, root["demo"] == nil { _ = root.required("endpoints", such: "a list of endpoints") }
        if elements.isEmpty, !(demo?.servesSomething ?? false), let list = lists.first, list.list != nil {
            list.error(
                "this configuration serves nothing",
                remedy: "add an endpoint, or demo: {} to try the service without one")
        }
        for proxy in endpoints.proxies where upstreams[proxy.upstream.number].value.connections.isHTTP2 {
            let upstream = upstreams[proxy.upstream.number]
            upstream.member.error(
                "the endpoint \(proxy.path) passes this upstream's answers through, which requires HTTP/1.1",
                remedy: "remove 'http: 2', or declare the service a second time with HTTP/1.1")
        }
        guard !node.report.hasErrors else { return nil }
        for (index, upstream) in upstreams.enumerated() where !endpoints.usedUpstreams.contains(index) {
            upstream.member.warning(
                "no call uses the upstream '\(upstream.value.name)'", remedy: "remove it, or call it")
        }
        var configuration = Configuration(
            server: server,
            plan: Plan(
                upstreams: upstreams.map(\.value), endpoints: endpoints.endpoints, proxies: endpoints.proxies),
            demo: demo,
            tests: endpoints.tests, warnings: node.report.diagnostics(.warning))
        for index in configuration.tests.indices { configuration.tests[index].serviceLimits = server.rateLimits }
        configuration.traces = traces
        configuration.access = endpoints.access.settings
        configuration.includedFiles = included.files
        configuration.declarations = Self.declarations(root, upstreams.map(\.member), elements)
        return configuration
    }

    static func checkVersion(_ version: Node?) {
        guard let version, let number = version.integer(in: 0...Int.max), number != 1 else { return }
        version.error("version \(number) is not supported", remedy: "write version: 1")
    }

    private static func declarations(
        _ root: Section, _ upstreams: [Node.Member], _ endpoints: [Node]
    ) -> Declarations {
        var declarations = Declarations()
        if let server = root["server"] { declarations.add(.server, server) }
        for member in upstreams { declarations.add(.upstream(member.name), member.value) }
        for node in endpoints { declarations.add(.endpoint(node.route), node) }
        if let demo = root["demo"] { declarations.add(.demo, demo) }
        if let traces = root["traces"] { declarations.add(.traces, traces) }
        return declarations
    }
}

extension Node {
    /// What an endpoint is called: its method, GET by default, and its path. A proxy may have several methods.
    fileprivate var route: String {
        let method = self["method"]?.spelling ?? (self["calls"] == nil ? nil : "GET")
        return [method, self["path"]?.spelling].compactMap(\.self).joined(separator: " ")
    }
}
