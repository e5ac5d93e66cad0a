import Gather

/// Reads how an upstream's hosts are connected to.
enum ConnectionReader {
    static let keys = ["idle_timeout", "max_connection_age", "dns", "http", "tls"]

    private static let times = Duration.milliseconds(1)...Duration.seconds(86_400)

    static func read(_ section: Section) -> ConnectionPolicy {
        var policy = ConnectionPolicy()
        policy.idleTimeout = section["idle_timeout"]?.duration(in: times) ?? policy.idleTimeout
        policy.maxAge = section["max_connection_age"]?.duration(in: times)
        policy.addressTimeToLive =
            section.section("dns", keys: ["ttl"])?["ttl"]?.duration(in: times) ?? policy.addressTimeToLive
        policy.isHTTP2 = section["http"]?.integer(in: 1...2) == 2
        let tls = section.section("tls", keys: ["ca", "cert", "key", "server_name", "min_version"])
        if let tls { policy.tls = readTLS(tls) }
        return policy
    }

    private static func readTLS(_ section: Section) -> TLSPolicy {
        var policy = TLSPolicy()
        policy.authorities = section["ca"]?.text("the path of a file")
        policy.certificate = section["cert"]?.text("the path of a file")
        policy.key = section["key"]?.text("the path of a file")
        if section.node.report.checksFiles {
            var hasher = Hasher()
            for (key, content) in [("ca", PEMFile.Content.certificates), ("cert", .certificates), ("key", .privateKey)]
            {
                hasher.combine(section[key].flatMap { PEMFile.check($0, for: content) })
            }
            policy.contents = hasher.finalize()
        }
        if (policy.certificate == nil) != (policy.key == nil) {
            section.node.error("'cert' and 'key' belong together", remedy: "write both, or neither")
        }
        if let name = section["server_name"], let text = name.text("a host name") {
            let isName = !text.isEmpty && text.utf8.allSatisfy { $0.isLetterOrDigit || "-.".utf8.contains($0) }
            policy.serverName = isName ? text : name.error("\(quoted(text)) is not a host name")
        }
        if let version = section["min_version"], let text = version.text("1.2 or 1.3") {
            if let known = TLSPolicy.Version(rawValue: text) {
                policy.minimumVersion = known
            } else {
                version.error("\(quoted(text)) is not a supported TLS version", remedy: "write 1.2 or 1.3")
            }
        }
        return policy
    }

}
