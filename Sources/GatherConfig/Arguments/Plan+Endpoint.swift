import Gather

extension Plan {
    /// The proxy that an argument names by its path, with or without one of its methods; without an argument, the only
    /// endpoint.
    public func proxy(named name: String?) -> ProxyEndpoint? {
        guard let name else { return endpoints.isEmpty && proxies.count == 1 ? proxies[0] : nil }
        return proxies.first { proxy in
            proxy.path == name && !endpoints.contains { $0.path == name }
                || proxy.methods.contains { "\($0.rawValue) \(proxy.path)" == name }
        }
    }

    /// The endpoint that an argument names by its path as in the file, with or without its method; without an argument,
    /// the only one.
    public func endpoint(named name: String?) throws(UsageError) -> Endpoint {
        let all = endpoints.map { "\($0.method.rawValue) \($0.path)" }
        guard let name else {
            if endpoints.count == 1 { return endpoints[0] }
            throw UsageError(
                "ENDPOINT", endpoints.isEmpty ? "the file has no endpoints" : "the file has several endpoints",
                endpoints.isEmpty ? nil : "name one of\n  " + all.joined(separator: "\n  "))
        }
        let found = endpoints.indices.filter { all[$0] == name || endpoints[$0].path == name }
        switch found.count {
        case 1: return endpoints[found[0]]
        case 0:
            let known = name.contains(" ") ? all : Array(Set(endpoints.map(\.path))).sorted()
            throw UsageError(quoted(name), "the file has no such endpoint", remedy(for: name, among: known))
        default:
            throw UsageError(
                quoted(name), "the file has several endpoints with this path",
                "name one of " + found.map { all[$0] }.joined(separator: ", "))
        }
    }
}
