import JSONText

extension Welcome {
    static let introduction = "gatherd answers one request by calling many services at once. To try:"
    static let streams =
        "With the field 'Accept: application/x-ndjson' or 'Accept: text/event-stream' each call and each task is reported as it starts and ends."

    static func text(_ endpoints: [Endpoint], origin: String) -> String {
        var text = introduction + "\n"
        for endpoint in endpoints {
            let title = endpoint.title.isEmpty ? "\(endpoint.method.rawValue) \(endpoint.path)" : endpoint.title
            text += "\n  \(title)\n  \(command(endpoint, origin: origin))\n"
        }
        return text + "\n" + streams + "\n  curl -N -H 'Accept: application/x-ndjson' …\n"
    }

    /// The curl command that asks the endpoint.
    static func command(_ endpoint: Endpoint, origin: String) -> String {
        let url = shellQuoted(origin + endpoint.examplePath)
        return switch endpoint.method {
        case .get: "curl \(url)"
        case .head: "curl --head \(url)"
        case .post, .put, .patch:
            "curl -X \(endpoint.method.rawValue) -H 'Content-Type: application/json' -d \(shellQuoted(endpoint.body)) \(url)"
        default: "curl -X \(endpoint.method.rawValue) \(url)"
        }
    }

    /// One word of a POSIX shell (XCU §2.2): as it is if no shell reads anything into it, else in single quotes.
    private static func shellQuoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "."),
                UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard !isPlain else { return word }
        return "'" + word.replacingScalars("'", with: #"'\''"#) + "'"
    }

    /// A page that needs nothing but itself. Links are relative, so that they work behind a forwarded port.
    static func html(_ endpoints: [Endpoint], origin: String, plan: [UInt8]) -> String {
        Page.markup(entries: endpoints.map { entry($0, origin: origin) }, plan: plan)
    }

    /// What is said of one thing to try.
    private static func entry(_ endpoint: Endpoint, origin: String) -> String {
        let name = "\(endpoint.method.rawValue) \(endpoint.path)".markup
        let title = endpoint.title.isEmpty ? "" : "<p class=\"hint\">\(endpoint.title.markup)</p>\n"
        let link = endpoint.method == .get ? "<a href=\"\(endpoint.examplePath.markup)\">\(name)</a>" : name
        let command = command(endpoint, origin: origin).markup
        return "<li>\n<h3>\(link)</h3>\n\(title)<pre class=\"command\">\(command)</pre>\n</li>"
    }
}
