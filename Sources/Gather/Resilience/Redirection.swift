import HTTPTypes
import HTTPWire

/// Where a response sends its client on to (RFC 9110 §15.4), as far as that is the same upstream.
enum Redirection {
    private static let statuses: Set<Int> = [301, 302, 303, 307, 308]

    /// Whether a call's end may be one that is followed.
    static func isOne(_ end: borrowing CallEnd) -> Bool {
        guard let status = end.status, statuses.contains(status) else { return false }
        return end.response?.fields.contains(.location) ?? false
    }

    /// The request that follows one, for the same fields; nil if the response is not a redirect, or leads elsewhere.
    static func request(after end: CallEnd, _ request: ClientRequest, at upstream: Upstream) -> ClientRequest? {
        guard isOne(end), let location = end.response?.fields[.location],
            let target = target(location, from: request.target, at: upstream),
            var next = try? ClientRequest(request.method, target: target, fields: request.fields)
        else { return nil }
        (next.isRepeatable, next.keptFields) = (request.isRepeatable, request.keptFields)
        return next
    }

    /// Path and query of a location at the upstream, without the prefix that its hosts have.
    static func target(_ location: String, from target: String, at upstream: Upstream) -> String? {
        let reference = location.prefix { $0 != "#" }
        let hasScheme = reference.prefix { $0 != "/" && $0 != "?" }.contains(":")
        let isAbsolute = hasScheme || reference.hasPrefix("//")
        for host in upstream.hosts {
            var path = reference
            if isAbsolute {
                guard let rest = host.path(of: reference) else { continue }
                path = rest
            } else if !reference.hasPrefix("/") {
                return resolved(reference, against: target)
            }
            guard path.hasPrefix(host.prefix) else { continue }
            path = path.dropFirst(host.prefix.count)
            if path.isEmpty || path.hasPrefix("?") { return "/" + path }
            if path.hasPrefix("/") { return String(path) }
        }
        return nil
    }

    /// A location that is relative to a target (RFC 3986 §5.2.3, §5.2.4); nil if it leads above the root, where the
    /// prefix of a host may be.
    private static func resolved(_ reference: Substring, against target: String) -> String? {
        let path = target.prefix { $0 != "?" }
        if reference.isEmpty { return target }
        if reference.hasPrefix("?") { return String(path) + reference }
        let own = reference.prefix { $0 != "?" }
        var segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().dropLast()
        let steps = own.split(separator: "/", omittingEmptySubsequences: false)
        for (index, step) in steps.enumerated() {
            switch step {
            case ".", "..":
                if step == "..", segments.popLast() == nil { return nil }
                if index == steps.count - 1 { segments.append("") }
            default: segments.append(step)
            }
        }
        return "/" + segments.joined(separator: "/") + reference.dropFirst(own.count)
    }
}
