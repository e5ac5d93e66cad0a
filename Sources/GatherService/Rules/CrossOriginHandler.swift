import EventLoop
import GatherConfig
import HTTPServer
import HTTPTypes
import HTTPWire

/// Tells browsers what pages of other origins may do (https://fetch.spec.whatwg.org/#http-cors-protocol), whatever
/// answers.
///
/// A preflight is answered here, with the methods of its path. Any other request is answered as without this, and its
/// answer says whether the page that made it may read it: what an upstream says of that is replaced.
final class CrossOriginHandler: WrappingHandler {
    private let settings: CrossOriginSettings
    private let router: Router<Routes.Route>
    let next: any Handler
    private let allowsAll: Bool
    /// The scheme and host of each origin, and for those with `*.` what the hosts end with.
    private let exact: Set<String>
    private let suffixes: [(scheme: String, suffix: String)]
    /// The lines that every answer to such a page has, after the one with its origin.
    private let lines: FieldSection
    private let preflightLines: FieldSection

    init(_ settings: CrossOriginSettings, router: Router<Routes.Route>, next: any Handler) {
        (self.settings, self.router, self.next) = (settings, router, next)
        allowsAll = settings.origins.contains("*")
        exact = Set(settings.origins.filter { !$0.contains("*") })
        suffixes = settings.origins.compactMap { origin in
            guard let star = origin.firstRange(of: "*.") else { return nil }
            return (String(origin[..<star.lowerBound]), "." + String(origin[star.upperBound...]))
        }
        var lines = FieldSection()
        if settings.allowsCredentials { lines.add(.accessControlAllowCredentials, "true") }
        var preflightLines = lines
        if !settings.exposed.isEmpty {
            lines.add(.accessControlExposeHeaders, Self.list(settings.exposed.map(\.rawName)))
        }
        if let headers = settings.headers, !headers.isEmpty {
            preflightLines.add(.accessControlAllowHeaders, Self.list(headers.map(\.rawName)))
        }
        preflightLines.add(.accessControlMaxAge, "\(settings.maxAge.components.seconds)")
        (self.lines, self.preflightLines) = (lines, preflightLines)
    }

    func answer(_ request: Request, on loop: isolated EventLoop) throws -> Answer {
        let head = request.head
        if head.method == .options, let method = head.firstValue(of: .accessControlRequestMethod),
            let origin = head[.origin]
        {
            return .now(preflight(head, from: origin, for: String(decoding: method, as: UTF8.self)))
        }
        let origin = head[.origin].flatMap { isAllowed($0) ? $0 : nil }
        return try next.answer(request, on: loop).map { self.marked($0, for: origin) }
    }

    /// Whether pages of an origin may read answers. Compared as they are written: a browser writes them in one way (RFC
    /// 6454 §6.2).
    private func isAllowed(_ origin: String) -> Bool {
        if allowsAll || exact.contains(origin) { return true }
        return suffixes.contains { scheme, suffix in
            guard origin.hasPrefix(scheme), origin.hasSuffix(suffix) else { return false }
            let labels = origin.utf8.dropFirst(scheme.utf8.count).dropLast(suffix.utf8.count)
            return labels.first.map { $0 != UInt8(ascii: ".") } ?? false && labels.allSatisfy(Self.isHostByte)
        }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "-._".utf8.contains(byte)
        }
    }

    private func preflight(_ head: RequestHead, from origin: String, for method: String) -> Response {
        guard let methods = router.methods(of: head) else { return .problem(.notFound, "no endpoint has this path") }
        guard isAllowed(origin) else {
            return varied(.problem(.forbidden, "pages of this origin are not allowed to send requests here"))
        }
        let allowed = (settings.methods ?? methods).filter { methods.contains($0) && $0 != .options }
        guard allowed.contains(where: { $0.rawValue == method }) else {
            return varied(.problem(.forbidden, "pages of other origins are not allowed to use this method here"))
        }
        var response = varied(Response(.noContent, lines: preflightLines))
        response.lines.add(.accessControlAllowOrigin, allowsAll ? "*" : origin)
        response.lines.add(.accessControlAllowMethods, Self.list(allowed.map(\.rawValue)))
        if settings.headers == nil, let asked = head[.accessControlRequestHeaders] {
            response.lines.add(.accessControlAllowHeaders, asked)
        }
        return response
    }

    /// An answer with what a page of an origin may do with it; nil for one that may do nothing, or is not an origin.
    private func marked(_ response: Response, for origin: String?) -> Response {
        var response = varied(response)
        // An upstream's own policy is not that of the service.
        for name in Self.ofOrigins { response.lines.remove(name) }
        guard let origin else { return response }
        response.lines.add(.accessControlAllowOrigin, allowsAll ? "*" : origin)
        // They are a few.
        try? response.lines.append(contentsOf: lines)
        return response
    }

    /// A cache must not give the answer for one origin to another (RFC 9110 §12.5.5): also where none was sent.
    private func varied(_ response: Response) -> Response {
        guard !allowsAll else { return response }
        var response = response
        response.lines.add(.vary, "Origin")
        return response
    }

    private static let ofOrigins: [HTTPField.Name] = [
        .accessControlAllowOrigin, .accessControlAllowCredentials, .accessControlExposeHeaders,
    ]

    private static func list(_ names: [String]) -> String { names.joined(separator: ", ") }
}

extension FieldSection {
    /// Adds a field whose value can be nothing but well-formed: it was configured, or stood in a field.
    fileprivate mutating func add(_ name: HTTPField.Name, _ value: String) { try? append(name, value) }
}
