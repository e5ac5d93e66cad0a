import Gather

/// An endpoint of theirs that merges bodies, as one of ours with calls.
extension KrakenDEndpoint {
    func gather(
        _ calls: [KrakenDCall], of count: Int, _ left: ImportedText, _ extra: Extra, _ node: Node
    ) -> ImportedText {
        var text = ImportedText()
        let position = node["endpoint"]?.position ?? node.position
        text.differs(
            "statuses",
            "a failure is answered with 502, 503 or 504, depending on its cause, and every 2xx is a success; KrakenD answers 500, and accepts only 200 and 201",
            at: position)
        if count > 1 {
            text.differs(
                "timeout", "calls may use the whole deadline; KrakenD gives several backends 85% of it",
                at: node["timeout"]?.position ?? position)
        }
        text.line("deadline: \(timeout.text)")
        let response = response(of: calls, node, into: &text)
        let isAlways = extra.staticData != nil && extra.staticStrategy == "always"
        if calls.count > 1 || isAlways { text.line("gather: settled") }
        if calls.contains(where: \.returnsStatus) {
            if calls.count > 1 {
                text.leaveOut("return_error_code", "several calls do not have a single status", at: position)
            } else {
                text.differs(
                    "return_error_code", "applies to 4xx and 5xx, with a problem document as the body", at: position)
                text.line("pass_status: [4xx, 5xx]")
            }
        }
        if let response { text.line("response: \(response)") }
        if calls.filter({ $0.place == .root }).count > 1 {
            text.differs(
                "merge",
                "if bodies share a member, the last call in this file wins; in KrakenD, the backend that answers last",
                at: node["backend"]?.position ?? position)
        }
        let staticData = readStatic(extra, calls, hasResponse: response != nil, into: &text)
        if !["json", "fast-json", "json-collection"].contains(outputEncoding) {
            text.leaveOut(
                "output_encoding", "answers are always JSON", at: node["output_encoding"]?.position ?? position)
        }
        text.line("calls:")
        for call in calls {
            text.append(written(call, calls, hasResponse: response != nil, staticData.fallback, node), indent: 2)
        }
        if let tree = staticData.call {
            if calls.count > 1, !isAlways {
                text.differs(
                    "static", "also added to incomplete answers, unless every call failed",
                    at: extra.staticPosition)
            }
            let name = calls.contains { $0.name == "static" } ? "static-data" : "static"
            text.line("  \(name): { static: \(tree), flatten: true }")
        }
        text.append(left, indent: 2)
        return text
    }

    /// The tree of the answer, where calls' bodies do not simply stand in it.
    private func response(of calls: [KrakenDCall], _ node: Node, into text: inout ImportedText) -> String? {
        let position = node["endpoint"]?.position ?? node.position
        if outputEncoding == "json-collection" {
            if calls.count == 1 { return YAMLText.scalar("{\(calls[0].name)}") }
            text.leaveOut("output_encoding", "'json-collection' needs a single backend", at: position)
        }
        let nested = calls.filter { if case .nested = $0.place { true } else { false } }
        guard !nested.isEmpty else { return nil }
        guard !calls.contains(where: { $0.place == .root }) else {
            for call in nested {
                text.differs(
                    "group",
                    "an array is the value of its group; KrakenD puts it into a member 'collection' of the group",
                    at: call.line)
            }
            return nil
        }
        let members = calls.map { call in
            switch call.place {
            case .nested(let group, let name):
                "\(YAMLText.scalar(group)): { \(YAMLText.scalar(name)): \"{\(call.name)}\" }"
            case .member(let name): "\(YAMLText.scalar(name)): \"{\(call.name)}\""
            case .root: ""
            }
        }
        return "{ \(members.joined(separator: ", ")) }"
    }

    /// What their static data become: what a failing call leaves, or the body of a call that asks no upstream.
    private func readStatic(
        _ extra: Extra, _ calls: [KrakenDCall], hasResponse: Bool, into text: inout ImportedText
    ) -> (fallback: String?, call: String?) {
        guard let data = extra.staticData else { return (nil, nil) }
        let isForFailures = ["errored", "incomplete"].contains(extra.staticStrategy)
        // A fallback stands where the call's body does: only at the root is that where their data go.
        if isForFailures, calls.allSatisfy({ $0.place == .root }) { return (YAMLText.tree(data), nil) }
        guard !isForFailures, !hasResponse else {
            text.leaveOut(
                "static", "data for failures cannot be combined with groups, and no data with a 'response'",
                at: extra.staticPosition)
            return (nil, nil)
        }
        return (nil, YAMLText.tree(data))
    }

    private func written(
        _ call: KrakenDCall, _ calls: [KrakenDCall], hasResponse: Bool, _ fallback: String?, _ node: Node
    ) -> ImportedText {
        var text = ImportedText()
        text.append(call.remarks)
        text.line("\(call.name):")
        text.line("  \(call.method.lowercased())", call.target)
        let takesBody = ["POST", "PUT", "PATCH"].contains(method)
        if ["POST", "PUT", "PATCH"].contains(call.method), takesBody {
            text.differs(
                "body",
                "the client's body must be JSON of at most 1MiB, and null is sent if there is none; use a 'proxy' for other bodies",
                at: call.line)
            text.line("  body: \"{body ?? null}\"")
        } else if takesBody || method == "DELETE" {
            text.differs("body", "the client's body is not forwarded with \(call.method)", at: call.line)
        }
        if !call.headers.isEmpty { text.line("  headers: \(YAMLText.mapping(call.headers))") }
        text.append(forwardedHeaders(call, isProxy: false, at: node), indent: 2)
        let query = Self.part(of: query, call.query)
        text.line("  forward_query", list: query)
        if isSequential, let predecessor = predecessor(of: call, calls) {
            text.differs(
                "sequential",
                "waits for '\(predecessor)', since one of the two may change something; calls that only read, and refer to no other, start at once",
                at: call.line)
            text.line("  when: \"{\(predecessor)}\"")
        }
        text.append(call.shaping, indent: 2)
        if !hasResponse {
            switch call.place {
            case .root: text.line("  flatten: true")
            case .member(let group), .nested(let group, _): if group != call.name { text.line("  group", group) }
            }
        }
        if let fallback = fallback ?? (calls.count > 1 && call.place != .root ? "omit" : nil) {
            text.line("  required: false")
            text.line("  on_error: \(fallback)")
        }
        return text
    }

    /// The call before one of a sequence that refers to none, if something may be changed by either.
    private func predecessor(of call: KrakenDCall, _ calls: [KrakenDCall]) -> String? {
        guard let index = calls.firstIndex(where: { $0.name == call.name }), index > 0, !call.refersToCalls,
            calls[...index].contains(where: { $0.method != "GET" })
        else { return nil }
        return calls[index - 1].name
    }
}
