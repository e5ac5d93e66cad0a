extension ResponseCorpus {
    /// One way to frame content, and what it comes to where a response has content.
    private struct Framing {
        let name: String
        /// The field that announces it, with its CR LF.
        let field: String
        let wire: String
        /// The content; nil if the connection ends before it does.
        var content: String? = "hello"
        var isMalformed = false
        /// Bytes of `wire` that are behind the content.
        var hasExcess = false

        var isChunked: Bool { field.hasPrefix("T") }
    }

    private static let chunked = "Transfer-Encoding: chunked\r\n"

    private static let framings = [
        Framing(name: "length 5", field: "Content-Length: 5\r\n", wire: "hello"),
        Framing(name: "length 0", field: "Content-Length: 0\r\n", wire: "", content: ""),
        Framing(
            name: "length 5, of which 3 come", field: "Content-Length: 5\r\n", wire: "hel", content: nil),
        Framing(
            name: "length 5, and 2 more", field: "Content-Length: 5\r\n", wire: "hello!!", hasExcess: true
        ),
        Framing(name: "one chunk", field: chunked, wire: "5\r\nhello\r\n0\r\n\r\n"),
        Framing(name: "no chunk but the last", field: chunked, wire: "0\r\n\r\n", content: ""),
        Framing(
            name: "chunks with extensions", field: chunked,
            wire: "0003;a=b\r\nhel\r\n2;c=\"d;e\"\r\nlo\r\n00;f\r\n\r\n"),
        Framing(
            name: "trailers", field: chunked, wire: "5\r\nhello\r\n0\r\nA: b\r\nContent-Length: 9\r\n\r\n"
        ),
        Framing(
            name: "one chunk, and another response", field: chunked,
            wire: "5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", hasExcess: true),
        Framing(name: "a chunk of which 3 come", field: chunked, wire: "5\r\nhel", content: nil),
        Framing(name: "no last chunk", field: chunked, wire: "5\r\nhello\r\n", content: nil),
        Framing(
            name: "a last chunk without its end", field: chunked, wire: "5\r\nhello\r\n0\r\n",
            content: nil),
        Framing(
            name: "trailers that are cut", field: chunked, wire: "5\r\nhello\r\n0\r\nA: b\r\n",
            content: nil),
        Framing(
            name: "an invalid chunk size", field: chunked, wire: "hello\r\n0\r\n\r\n",
            isMalformed: true),
        Framing(name: "the end of the connection", field: "", wire: "hello", content: "hello"),
    ]

    private enum Says: String, CaseIterable {
        case nothing, close
        case keepAlive = "keep-alive"
    }

    /// Every framing with every kind of status, both versions, what Connection says, and interim responses.
    static let systematic: [ResponseCase] = {
        var cases: [ResponseCase] = []
        for framing in framings {
            for version in ["1.1", "1.0"] {
                for status in [200, 204, 304, 404, 503] { cases.append(response(framing, status, version)) }
                cases.append(response(framing, 200, version, isHEAD: true))
                for says in [Says.close, .keepAlive] { cases.append(response(framing, 200, version, says)) }
            }
            for interim in [[100], [103], [102, 100, 103]] {
                cases.append(response(framing, 200, "1.1", after: interim))
            }
        }
        return cases
    }()

    private static func response(
        _ framing: Framing, _ status: Int, _ version: String, _ says: Says = .nothing,
        isHEAD: Bool = false,
        after interim: [Int] = []
    ) -> ResponseCase {
        var name = "\(isHEAD ? "HEAD" : "GET"), HTTP/\(version) \(status), \(framing.name)"
        if says != .nothing { name += ", Connection: \(says.rawValue)" }
        if !interim.isEmpty { name += ", after \(interim)" }
        var wire = interim.map { "HTTP/1.1 \($0) Interim\r\nX-Interim: a\r\n\r\n" }.joined()
        wire += "HTTP/\(version) \(status) Reason\r\nX-First: a\r\n\(framing.field)"
        if says != .nothing { wire += "Connection: \(says.rawValue)\r\n" }
        wire += "\r\n" + framing.wire

        // RFC 9112 §6.3, in its order.
        let hasContent = !isHEAD && status != 204 && status != 304
        let verdict: Verdict
        if framing.isChunked, version == "1.0" || (hasContent && framing.isMalformed) {
            verdict = .malformed
        } else if !hasContent {
            verdict = .response(status: status, body: "")
        } else if let content = framing.content {
            verdict = .response(status: status, body: content)
        } else {
            verdict = .cutShort
        }
        // RFC 9112 §9.3.
        var persists = says == .keepAlive || (says == .nothing && version == "1.1")
        if case .response = verdict {} else { persists = false }
        if hasContent ? framing.hasExcess || framing.field.isEmpty : !framing.wire.isEmpty {
            persists = false
        }
        if status == 204, framing.isChunked || framing.field.contains("5") { persists = false }
        // libcurl takes chunks of any version, and looks at nothing behind a response but behind a length.
        var difference: Difference?
        if framing.isChunked, version == "1.0" {
            difference = .chunksInOldVersion
        } else if verdict == .malformed {
            difference = .badChunks
        } else if case .response = verdict, version == "1.1", says != .close,
            hasContent ? framing.hasExcess && framing.isChunked : !framing.wire.isEmpty
        {
            difference = .bytesBehind
        }
        return ResponseCase(name, wire, verdict, isHEAD: isHEAD, persists: persists, difference: difference)
    }
}
