import Gather
import HTTPTypes

/// Reads `server.cors`.
enum CrossOriginReader {
    static func read(_ node: Node) -> CrossOriginSettings? {
        let keys = ["origins", "methods", "headers", "expose", "credentials", "max_age"]
        guard let section = Section(node, keys: keys) else { return nil }
        let origins = section.required("origins", such: "origins: [https://shop.example]").map(readOrigins) ?? []
        var settings = CrossOriginSettings(origins: origins)
        settings.methods = section["methods"].map(readMethods)
        if let headers = section["headers"] { settings.headers = headers.isList(of: "*") ? nil : readNames(headers) }
        settings.exposed = section["expose"].map { $0.isList(of: "*") ? anyField : readNames($0) } ?? []
        settings.allowsCredentials = section["credentials"]?.boolean() ?? settings.allowsCredentials
        settings.maxAge = section["max_age"]?.duration(in: .zero...Duration.seconds(86_400)) ?? settings.maxAge
        if settings.allowsCredentials, settings.exposed == anyField {
            section["expose"]?.error("with credentials, browsers take \"*\" literally", remedy: "list the names")
        }
        if settings.allowsCredentials, origins.contains("*") {
            section["credentials"]?.error(
                "any website could act on behalf of users who are logged in here",
                remedy: "list the origins, or leave credentials out")
        }
        return settings
    }

    private static let anyField = [HTTPField.Name("*")].compactMap(\.self)

    private static func readOrigins(_ node: Node) -> [String] {
        (node.texts("origins") ?? []).compactMap { element, text in
            if text == "*" || isOrigin(text) { return text.lowercased() }
            return element.error(
                "\(quoted(text)) is not an origin",
                remedy: "write it as in https://shop.example:8443, or write https://*.shop.example or \"*\"")
        }
    }

    /// Whether a text is a scheme with a host and an optional port, and nothing else.
    static func isOrigin(_ text: String) -> Bool {
        guard let scheme = ["http://", "https://"].first(where: text.hasPrefix) else { return false }
        var host = text.dropFirst(scheme.count)
        if host.hasPrefix("*.") { host = host.dropFirst(2) }
        return !host.isEmpty
            && host.utf8.allSatisfy { $0.isLetterOrDigit || "-.:[]".utf8.contains($0) }
    }

    private static func readMethods(_ node: Node) -> [HTTPRequest.Method] {
        (node.elements(expected: "a list of methods, such as [GET, POST]") ?? []).compactMap { element in
            element.word(of: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]).flatMap {
                HTTPRequest.Method(rawValue: $0)
            }
        }
    }

    private static func readNames(_ node: Node) -> [HTTPField.Name] {
        // Here they are only told of, those of the connection as well.
        (node.elements(expected: "a list of header names, such as [X-Request-ID]") ?? []).compactMap {
            HeadersReader.readName($0, refusing: [])
        }
    }
}

extension Node {
    /// Whether the value is a list of this one word.
    fileprivate func isList(of word: String) -> Bool {
        list?.count == 1 && list?[0].isWord(word) == true
    }
}
