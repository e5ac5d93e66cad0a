import HTTPTypes
import JSONText
import Testing

@testable import Gather

private let scope = ReferenceScope(
    pathParameters: ["id", "name"], calls: ["orders", "customer"],
    environment: ["REGION": "eu", "BRACES": "{path.id}", "EMPTY": ""])

/// The parts of a template in one line: literals in quotes, references with source, path and default.
private func parts(_ template: TextTemplate) -> String {
    template.parts.map { part in
        switch part {
        case .literal(let text): return "'\(text)'"
        case .reference(let reference):
            let source =
                switch reference.source {
                case .path(let index): "path \(index)"
                case .query(let name): "query \(name)"
                case .header(let name): "header \(name.canonicalName)"
                case .attribute(let name): "attribute \(name.rawValue)"
                case .claims: "claims"
                case .body: "body"
                case .item: "item"
                case .call(let index): "call \(index)"
                }
            let path = reference.path.steps.isEmpty ? "" : " at \(reference.path)"
            return "<\(source)\(path)\(reference.fallback.map { " ?? " + text($0) } ?? "")>"
        }
    }.joined(separator: " ")
}

@Suite struct TemplateParsingTests {
    @Test(
        "A template is read into its parts",
        arguments: [
            ("", ""),
            ("plain", "'plain'"),
            ("{path.id}", "<path 0>"),
            ("{path.name}", "<path 1>"),
            ("{query.page}", "<query page>"),
            ("{query.a.b}", "<query a.b>"),
            ("{header.X-Tenant}", "<header x-tenant>"),
            ("{client.ip}", "<attribute client.ip>"), ("{request.id ?? x}", #"<attribute request.id ?? "x">"#),
            ("{body}", "<body>"),
            ("{body.user.id}", "<body at user.id>"),
            ("{orders}", "<call 0>"),
            ("{customer.address[0].city}", "<call 1 at address[0].city>"),
            ("{orders[2].sku}", "<call 0 at [2].sku>"),
            ("{orders.items[*].sku}", "<call 0 at items[*].sku>"),
            (#"{orders["odd}key"]}"#, #"<call 0 at ["odd}key"]>"#),
            ("/a/{path.id}/b", "'/a/' <path 0> '/b'"),
            ("{path.id}{path.name}", "<path 0> <path 1>"),
            ("  {  path.id  }  ", "'  ' <path 0> '  '"),
            // Defaults are JSON, or else a text.
            ("{query.page ?? 1}", "<query page ?? 1>"),
            ("{query.page??1}", "<query page ?? 1>"),
            ("{query.page ?? 1.50}", "<query page ?? 1.50>"),
            ("{query.page ?? null}", "<query page ?? null>"),
            ("{query.page ?? true}", "<query page ?? true>"),
            ("{query.page ?? first page}", #"<query page ?? "first page">"#),
            (#"{query.page ?? "1"}"#, #"<query page ?? "1">"#),
            (#"{query.page ?? "}"}"#, #"<query page ?? "}">"#),
            (#"{query.page ?? "a\"}"}"#, #"<query page ?? "a\"}">"#),
            (#"{query.page ?? "\\"}"#, #"<query page ?? "\\">"#),
            ("{query.page ?? }", #"<query page ?? "">"#),
            ("{query.page ?? [1, 2]}", "<query page ?? [1, 2]>"),
            ("{orders.items ?? a ?? b}", #"<call 0 at items ?? "a ?? b">"#),
            // Braces.
            ("{{", "'{'"),
            ("}}", "'}'"),
            ("{{path.id}}", "'{path.id}'"),
            ("{{{path.id}}}", "'{' <path 0> '}'"),
            // The environment is resolved here, and what it says is not read again.
            ("{env.REGION}", "'eu'"),
            ("a-{env.REGION}-b", "'a-eu-b'"),
            ("{env.BRACES}", "'{path.id}'"),
            ("{env.EMPTY ?? x}", ""),
            ("{env.NONE ?? x}", "'x'"),
            (#"{env.NONE ?? "a b"}"#, "'a b'"),
            ("{env.NONE ?? 1.0}", "'1.0'"),
        ])
    func parsing(_ template: String, _ expected: String) throws {
        #expect(parts(try TextTemplate(template, in: scope)) == expected)
    }

    @Test(
        "A template that cannot be read says where and what to write",
        arguments: [
            ("{path.id", 1, "a '{' without a matching '}'; write '{{' for the character itself"),
            ("ab{", 3, "a '{' without a matching '}'; write '{{' for the character itself"),
            (#"{query.a ?? "}"#, 1, "a '{' without a matching '}'; write '{{' for the character itself"),
            ("a}b", 2, "a '}' without a matching '{'; write '}}' for the character itself"),
            ("{}", 2, "an empty reference; name a value, such as {path.id} or {query.page ?? 1}"),
            ("{ }", 2, "an empty reference; name a value, such as {path.id} or {query.page ?? 1}"),
            ("{?? 1}", 2, "an empty reference; name a value, such as {path.id} or {query.page ?? 1}"),
            ("{path}", 2, "'path' needs one name after it; write {path.name}"),
            ("{path.}", 2, "'path' needs one name after it; write {path.name}"),
            ("{query}", 2, "'query' needs one name after it; write {query.name}"),
            ("{query[0]}", 2, "'query' needs one name after it; write {query.name}"),
            ("{query.a[0]}", 2, "'query' needs one name after it; write {query.name}"),
            ("{header}", 2, "'header' needs one name after it; write {header.name}"),
            ("{header.X Tenant}", 2, "'X Tenant' is not a header name"),
            ("{env}", 2, "'env' needs one name after it; write {env.name}"),
            (
                "{env.NONE}", 2,
                "the environment variable 'NONE' is not set; set it, or give a default: {env.NONE ?? value}"
            ),
            ("{path.idd}", 2, "the endpoint's path has no parameter 'idd'; did you mean 'id'?"),
            ("{path.page}", 2, "the endpoint's path has no parameter 'page'; use one of: id, name"),
            (
                "x={order.id}", 4,
                "'order' is neither a call of this endpoint nor one of path, query, header, body, env; "
                    + "did you mean 'orders'?"
            ),
            (
                "{item}", 2,
                "'item' is not available here: only the requests of a call with 'foreach' have an item; "
                    + "add foreach to the call, or refer to something else"
            ),
            ("{orders.}", 8, "a key was expected after the dot"),
            (
                "{orders[01]}", 9,
                "not a path at column 2: an index is a number without leading zeros, at most 2147483647"
            ),
        ])
    func errors(_ template: String, _ column: Int, _ message: String) {
        let error = #expect(throws: TemplateError.self) { try TextTemplate(template, in: scope) }
        #expect(error?.description == message)
        #expect(error?.column == column)
    }

    @Test(
        "A target that could not be a request's is refused",
        arguments: [
            ("", "the path of a call must begin with '/'"),
            ("orders", "the path of a call must begin with '/'"),
            ("{path.id}", "the path of a call must begin with '/'"),
            ("/a b", "a space at byte 3 of '/a b' is not allowed in a URL; write it as %20"),
            ("/a#b", "'#' at byte 3 of '/a#b' is not allowed in a URL; write it as %23"),
            ("/a?b=#", "'#' at byte 6 of '/a?b=#' is not allowed in a URL; write it as %23"),
            ("/a\r\nX: y", "byte 13 at byte 3 of '/a\r\nX: y' is not allowed in a URL; write it as %0D"),
            ("/ü", "byte 195 at byte 2 of '/ü' is not allowed in a URL; write it as %C3"),
            ("/{{", "'{' at byte 2 of '/{' is not allowed in a URL; write it as %7B"),
            ("/a/../b", "the path has a '..' segment; write the path without it"),
            ("/.", "the path has a '.' segment; write the path without it"),
            ("/..?x=1", "the path has a '..' segment; write the path without it"),
        ])
    func targets(_ target: String, _ message: String) {
        let error = #expect(throws: TemplateError.self) { try TargetTemplate(target, in: scope) }
        #expect(error?.description == message)
    }

    @Test(
        "A target without references is sent as it is written",
        arguments: ["/", "/a//b/", "/a/...", "/a?b=/../c?d", "/a%2Fb?c=%20&d=$", "/a;x=1,2@:!'()*+"])
    func literals(_ target: String) throws {
        #expect(try TargetTemplate(target, in: scope).literal == target)
    }
}
