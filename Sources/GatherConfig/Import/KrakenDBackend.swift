import EventLoop
import Gather
import HTTPTypes

/// A call made of one of their backends.
struct KrakenDCall {
    /// Empty for one that could not be made.
    var name: String
    var line: Position
    var method = "GET"
    var target = ""
    var place = Place.root
    var headers: [(name: String, value: String)] = []
    /// `target`, `allow`, `deny` and `mapping`.
    var shaping = ImportedText()
    /// What of the client's it may be sent, of that which its endpoint takes; nil for all of it.
    var fields: [String]?
    var query: [String]?
    /// What is to be said of the call, and of what it lacks.
    var remarks = ImportedText()
    var returnsStatus = false
    var refersToCalls = false
    var isCollection = false

    /// Where in the answer its body goes.
    enum Place: Equatable {
        case root
        case member(String)
        /// A collection within a group.
        case nested(String, String)
    }
}

/// Translates one of their backends.
struct KrakenDBackend {
    let method: String
    let path: KrakenDPath
    /// The calls of the backends before it.
    let calls: [KrakenDCall]
    let hosts: [String]
    let isProxy: Bool
    /// Whether there are claims of a token.
    let hasTokens: Bool
    /// What is to be said of a backend that no call could be made of.
    var text = ImportedText()

    /// Nil if there can be no call, with the reason in ``text``.
    mutating func read(_ node: Node, within timeout: Duration, _ upstreams: inout KrakenDUpstreams) -> KrakenDCall? {
        guard let backend = TheirMapping(node) else { return nil }
        var call = KrakenDCall(name: "", line: node.position)
        let pattern = backend.take("url_pattern")
        call.method = (backend.text("method") ?? method).uppercased()
        guard let extra = readExtra(backend.take("extra_config")?.value, &call), let hosts = readHosts(backend, node)
        else { return nil }
        guard ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(call.method) else {
            return text.leaveOut("backend", "calls support GET, POST, PUT, PATCH and DELETE only", at: node.position)
        }
        let spelling = "/" + (pattern?.value.spelling ?? "").drop { $0 == "/" }
        guard let target = translate(spelling, at: pattern?.position ?? node.position, &call) else { return nil }
        let group = backend.text("group") ?? ""
        let encoding = backend.text("encoding")?.lowercased() ?? "json"
        call.isCollection = backend.flag("is_collection")
        guard isProxy || ["json", "fast-json", "safejson", "string"].contains(encoding) else {
            return text.leaveOut(
                "encoding: \(encoding)", "calls read JSON or text only; a 'proxy' passes any other body through",
                at: node.position)
        }
        if encoding == "string", !isProxy {
            call.shaping.line("as: text")
            call.place = .member("content")
        }
        if !isProxy { readShaping(backend, &call, extra.flatmap) }
        call.fields = call.remarks.value(of: backend.take("input_headers"), \.spellings)
        call.query = call.remarks.value(of: backend.take("input_query_strings"), \.spellings)
        call.remarks.settle(backend.rest, by: KrakenDNames.backendKeys)
        let upstream = upstreams.name(of: hosts, breaker: extra.breaker, rate: extra.rate, within: timeout)
        call.target = "\(upstream):\(target)"
        if encoding == "safejson", !group.isEmpty {
            call.remarks.differs(
                "encoding: safejson",
                "an array is the value of its group; KrakenD puts it into a member 'collection' of the group",
                at: node.position)
        }
        place(&call, group: group, target: target, upstream: upstream, encoding: encoding)
        return call
    }

    // MARK: hosts

    private mutating func readHosts(_ backend: TheirMapping, _ node: Node) -> [String]? {
        let given = backend.take("host")
        let names = given?.value.spellings.flatMap { $0.isEmpty ? nil : $0 } ?? hosts
        let position = given?.position ?? node.position
        if let discovery = backend.take("sd"), discovery.value.spelling ?? "static" != "static" {
            return text.leaveOut(
                "sd: \(discovery.value.spelling ?? "")",
                "hosts are listed in the file; their names are resolved to addresses, not to SRV records",
                at: discovery.position)
        }
        var origins: [String] = []
        for name in names {
            guard let origin = KrakenDUpstreams.origin(name) else {
                return text.leaveOut("host", "\(quoted(name)) is not the address of an HTTP service", at: position)
            }
            if !origins.contains(origin) { origins.append(origin) }
        }
        guard !origins.isEmpty else { return text.leaveOut("backend", "it has no host", at: position) }
        if origins.count > 1 {
            text.differs("host", "each call goes to the least busy host; KrakenD takes hosts in turn", at: position)
        }
        return origins
    }

    // MARK: url_pattern

    private mutating func translate(_ pattern: String, at position: Position, _ call: inout KrakenDCall) -> String? {
        var target = ""
        var rest = pattern[...]
        while let open = rest.firstIndex(of: "{") {
            target += rest[..<open]
            rest = rest[open...].dropFirst()
            guard let close = rest.firstIndex(of: "}") else { break }
            let name = String(rest[..<close])
            rest = rest[close...].dropFirst()
            guard let reference = reference(for: name, &call) else {
                return text.leaveOut("url_pattern", "nothing supplies a value for {\(name)}", at: position)
            }
            target += "{\(reference)}"
        }
        return (target + rest).replacing(" ", with: "%20")
    }

    private func reference(for name: String, _ call: inout KrakenDCall) -> String? {
        if let parameter = path.parameters[name] { return "path.\(parameter)" }
        let text = name.lowercased()
        if text.hasPrefix("resp"), let underscore = name.firstIndex(of: "_"),
            let index = Int(name[..<underscore].dropFirst(4)), calls.indices.contains(index), !calls[index].name.isEmpty
        {
            call.refersToCalls = true
            return Self.reference(to: calls[index], name[underscore...].dropFirst())
        }
        if hasTokens, text.hasPrefix("jwt.") {
            return "jwt." + KrakenDValidator.claim(String(name.dropFirst(4)), isNested: true)
        }
        for (prefix, ours) in [("input_headers.", "header."), ("input_query_strings.", "query.")]
        where text.hasPrefix(prefix) {
            return ours + name.dropFirst(prefix.count)
        }
        return nil
    }

    /// A part of another call's body, without the names that only the answer has around it.
    private static func reference(to call: KrakenDCall, _ path: Substring) -> String {
        var keys = path.split(separator: ".").map(String.init)
        switch call.place {
        case .root: break
        case .member(let name): if keys.first == name { keys.removeFirst() }
        case .nested(let group, let name):
            if keys.first == group { keys.removeFirst() }
            if keys.first == name { keys.removeFirst() }
        }
        return keys.reduce(call.name) { text, key in
            if key.allSatisfy(\.isNumber) { return "\(text)[\(key)]" }
            return Name.isValid(key) ? "\(text).\(key)" : "\(text)[\"\(key)\"]"
        }
    }

    // MARK: shaping

    private func readShaping(_ backend: TheirMapping, _ call: inout KrakenDCall, _ flatmap: Node?) {
        if let target = backend.take("target"), let path = target.value.spelling, !path.isEmpty {
            call.shaping.differs(
                "target", "a body without it fails the call; KrakenD treats it as an empty object",
                at: target.position)
            call.shaping.line("target", path)
        }
        let allow = backend.take("allow", "whitelist")
        let deny = backend.take("deny", "blacklist")
        let mapping = backend.take("mapping")
        if let flatmap {
            readFlatmap(flatmap, &call)
            for member in [allow, deny, mapping].compactMap(\.self) {
                call.shaping.differs(
                    member.name, "has no effect if there is a 'flatmap_filter', as in KrakenD", at: member.position)
            }
            return
        }
        for (name, member) in [("allow", allow), ("deny", deny)] {
            guard let member, let paths = member.value.spellings, !paths.isEmpty else { continue }
            if name == "deny", let allow, allow.value.spellings != [] {
                call.shaping.differs("deny", "has no effect if there is an 'allow', as in KrakenD", at: member.position)
                continue
            }
            if paths.contains(where: { $0.contains(".") }) || call.isCollection {
                call.shaping.differs(
                    name, "also filters the elements of arrays, which KrakenD leaves unchanged", at: member.position)
            }
            call.shaping.line(name, list: paths.map { Self.withoutCollection($0, call) })
        }
        guard let mapping, case .mapping(let members) = mapping.value.content, !members.isEmpty else { return }
        let renamed = members.compactMap { member in member.value.spelling.map { (name: member.name, value: $0) } }
        let others = renamed.filter { !(call.isCollection && $0.name == "collection") }
        if !others.isEmpty { call.shaping.line("mapping: \(YAMLText.mapping(others))") }
        if let name = renamed.first(where: { $0.name == "collection" })?.value, call.isCollection {
            call.place = .member(name)
        }
    }

    private static func withoutCollection(_ path: String, _ call: KrakenDCall) -> String {
        call.isCollection && path.hasPrefix("collection.") ? String(path.dropFirst("collection.".count)) : path
    }

    /// Their operations on arrays: what is deleted, and what gets another name in its place. Our filters go through
    /// arrays.
    private func readFlatmap(_ node: Node, _ call: inout KrakenDCall) {
        var deny: [String] = []
        var mapping: [(name: String, value: String)] = []
        for operation in node.list ?? [] {
            let paths = (operation["args"]?.spellings ?? []).map { path in
                Self.withoutCollection(path, call).split(separator: ".").filter { $0 != "*" }.map(String.init)
            }
            let isNamed = paths.allSatisfy { !$0.isEmpty && !$0.contains { $0.allSatisfy(\.isNumber) } }
            switch operation["type"]?.spelling {
            case "del" where isNamed && !paths.isEmpty: deny += paths.map { $0.joined(separator: ".") }
            case "move" where isNamed && paths.count == 2 && paths[0].dropLast() == paths[1].dropLast():
                mapping.append((paths[0].joined(separator: "."), paths[1].last ?? ""))
            default:
                call.shaping.leaveOut(
                    "flatmap_filter", "only 'del' and a 'move' that renames in place are translated",
                    at: operation.position)
            }
        }
        call.shaping.line("deny", list: deny)
        if !mapping.isEmpty { call.shaping.line("mapping: \(YAMLText.mapping(mapping))") }
    }

    private func place(_ call: inout KrakenDCall, group: String, target: String, upstream: String, encoding: String) {
        let collection: String? =
            if case .member(let name) = call.place { name } else { call.isCollection ? "collection" : nil }
        call.place =
            switch (group, collection) {
            case ("", nil): .root
            case ("", let name?): .member(name)
            case (_, nil): .member(group)
            case (_, let name?): .nested(group, name)
            }
        let segments = target.prefix { $0 != "?" }.split(separator: "/").filter {
            !$0.contains("{") && Name.isValid(String($0))
        }
        var name = group.isEmpty ? segments.last.map(String.init) ?? upstream : group
        if encoding == "safejson", call.place == .root { name = "collection" }
        if !Name.isValid(name) { name = KrakenDUpstreams.validName(name[...]) }
        let taken = ReferenceScope.reservedNames + ["client", "request", "jwt"] + calls.map(\.name)
        call.name = KrakenDUpstreams.unused(name, besides: taken)
    }

    // MARK: extra_config

    /// What of a backend's components has its effect elsewhere.
    private struct Extra {
        var breaker = ImportedText()
        var rate = ImportedText()
        var flatmap: Node?
    }

    /// Nil if there can be no call, with the reason in ``text``.
    private mutating func readExtra(_ node: Node?, _ call: inout KrakenDCall) -> Extra? {
        var extra = Extra()
        guard let mapping = TheirMapping(node) else { return extra }
        var others: [Node.Member] = []
        for member in mapping.rest {
            let name = KrakenDNames.namespace(member.name)
            if KrakenDNames.otherServices.contains(where: name.hasPrefix) {
                return text.leaveOut(name, "upstreams are HTTP services", at: member.position)
            }
            switch (name, TheirMapping(member.value)) {
            case ("proxy", let proxy?):
                if proxy.flag("shadow") {
                    return text.leaveOut("shadow", "requests are not mirrored to a second service", at: member.position)
                }
                _ = proxy.take("shadow_timeout", "decompress_gzip")
                extra.flatmap = proxy.take("flatmap_filter")?.value
                call.remarks.leaveOutRest(of: proxy, "proxy.")
            case ("backend/http", let http?):
                call.returnsStatus = http.flag("return_error_code")
                for member in http.rest {
                    call.remarks.leaveOut(
                        member.name,
                        "clients do not see the upstream's own answer; a problem document names the call that failed (see 'disclose')",
                        at: member.position)
                }
            case ("qos/circuit-breaker", let theirs?):
                extra.breaker = KrakenDUpstreams.breaker(theirs, at: member.position)
            case ("qos/ratelimit/proxy", let limit?): extra.rate = KrakenDRateLimit.calls(limit, member)
            case ("plugin/http-client", let plugin?):
                if !["no-redirect", "krakend-redirect"].contains(plugin.text("name")) {
                    call.remarks.leaveOut(name, "gatherd has no plugins", at: member.position)
                }
            case ("modifier/martian", _): readMartian(member, &call)
            default: others.append(member)
            }
        }
        call.remarks.settle(others, by: KrakenDNames.namespaces)
        return extra
    }

    /// Fields that Martian sets in requests; what else it does is left out.
    private func readMartian(_ member: Node.Member, _ call: inout KrakenDCall) {
        for modifier in member.value["fifo.Group"]?["modifiers"]?.list ?? [member.value] {
            if let field = modifier["header.Modifier"], let name = field["name"]?.spelling, HTTPField.Name(name) != nil,
                let value = field["value"]?.spelling, field["scope"]?.spellings == ["request"],
                !HeadersReader.isRefused(name),
                !call.headers.contains(where: { $0.name.lowercased() == name.lowercased() })
            {
                call.headers.append((name, value.replacing("{", with: "{{").replacing("}", with: "}}")))
            } else {
                call.remarks.leaveOut(
                    "modifier/martian", "only header.Modifier with the scope [\"request\"] is translated",
                    at: modifier.position)
            }
        }
    }
}
