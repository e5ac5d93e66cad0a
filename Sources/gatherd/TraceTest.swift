import EventLoop
import Gather
import GatherConfig
import HTTPServer
import HTTPTypes
import HTTPWire
import JSONText
import Rehearsal

/// What a stream has told of a gather, as a test of its endpoint: for each call the reply that it got, and the answer
/// that these replies make.
struct TraceTest {
    private let configuration: Configuration
    private let number: Int
    private let endpoint: Endpoint
    private let parameters: [String]
    private var test: EndpointTest

    /// - Parameter file: what the configuration is called, in messages.
    /// - Throws: ``UsageError`` if the configuration has no such endpoint, or one that no test can be made of.
    init(_ request: ClientRequest, of configuration: Configuration, file: String) throws {
        self.configuration = configuration
        var router = Router<Int>()
        for (index, endpoint) in configuration.plan.endpoints.enumerated() {
            router.add(endpoint.method, endpoint.path, index)
        }
        let head = try Self.head(of: request)
        guard case .found(let number, _, let values) = router.match(head) else {
            throw UsageError("\(request.method.rawValue) \(request.target)", "\(file) has no such endpoint with calls")
        }
        self.number = number
        endpoint = configuration.plan.endpoints[number]
        parameters = Self.parameters(of: endpoint.path)
        if let hidden = endpoint.calls.first(where: \.isInternal) {
            throw UsageError(
                "'\(hidden.name)'",
                "the service reports nothing about an internal call, so this test has to be written by hand")
        }
        test = EndpointTest(name: "\(request.method.rawValue) \(request.target), as it was answered", endpoint: number)
        for (index, value) in values.enumerated() { test.request.parameters[index] = value }
        let taken = endpoint.clientValues
        test.request.query = QueryItems(head.query).compactMap { item in
            guard let name = item.name, let value = item.value else { return nil }
            return taken.takesAnyQuery || taken.query.contains(name) ? (name, value) : nil
        }
        for (name, value) in head.fieldLines {
            guard let field = HTTPField.Name(String(decoding: name, as: UTF8.self)), taken.headers.contains(field)
            else {
                continue
            }
            test.request.headers.append((field, String(decoding: value, as: UTF8.self)))
        }
        if taken.readsBody, let body = request.body, !body.isEmpty {
            test.request.body = try JSONValue(validating: body)
        }
    }

    private static func head(of request: ClientRequest) throws -> RequestHead {
        var bytes: [UInt8] = []
        try RequestSerializer(authority: "localhost").appendHead(of: request, to: &bytes)
        var parser = RequestHeadParser()
        guard case .complete(let head, _) = try parser.parse(bytes.span, limits: WireLimits()) else {
            throw UsageError(request.target, "is not a valid request target")
        }
        return head
    }

    private static func parameters(of path: String) -> [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map {
            String($0.dropFirst().dropLast()).replacing("...", with: "")
        }
    }

    /// Makes the test of the records of a stream.
    /// - Returns: the element of `tests:`, and what of it is not as it was seen; empty if the test passes.
    mutating func make(of lines: [[UInt8]]) throws -> (yaml: String, differences: [String]) {
        let records = try lines.map { try JSONValue(validating: $0) }
        guard let last = records.last, let gather = last["gather"] else {
            throw UsageError(
                "--as-test", "the answer is not a stream of records, so it does not show what each call got")
        }
        test.expected.status = gather["status"]?.scalarText.flatMap { Int($0) }
        test.expected.isComplete = gather["complete"].map { $0.kind == .true }
        let answer = last["answer"]
        let bodies = answer.map { ResponseBodies(of: endpoint, making: $0) }
        for record in records {
            if let name = record["call"]?.scalarText { try take(record, of: name, bodies) }
        }
        if let answer {
            test.expected.body = Array(answer.text)
        } else if let rendered = try test.answer(on: configuration.plan) {
            test.expected.body = rendered
        }
        let failures = try test.run(on: configuration.plan).failures
        return (test.yaml(of: endpoint, parameters: parameters), failures)
    }

    /// - Parameter bodies: what the answer shows of those that records have none of, since a `response` is all that
    ///   clients get.
    private mutating func take(_ record: JSONValue, of name: String, _ bodies: ResponseBodies?) throws {
        guard let index = endpoint.calls.firstIndex(where: { $0.name == name }) else {
            throw UsageError(
                "'\(name)'", "the file's endpoint has no such call: is this the file that is being served?")
        }
        guard let outcome = record["outcome"]?.scalarText.flatMap({ Outcome(rawValue: $0) }) else {
            throw UsageError("'\(name)'", "the service does not disclose how calls end (server.disclose)")
        }
        guard record["stale"] == nil, outcome != .refused, outcome != .shed else {
            throw UsageError(
                "'\(name)'",
                "it got a stale body, or was not sent because of the upstream's state, which a test cannot reproduce",
                "try again when the upstream is healthy")
        }
        test.expected.outcomes.append((name, outcome))
        let call = endpoint.calls[index]
        let status = record["status"]?.scalarText.flatMap { Int($0) }
        let duration = record["duration_ms"]?.scalarText.flatMap { Double($0) }.map {
            Duration.microseconds(Int64(($0 * 1000).rounded()))
        }
        func reply(_ end: EndpointTest.Reply.End, after delay: Duration?) -> EndpointTest.Reply {
            var reply = EndpointTest.Reply(end)
            reply.delay = delay ?? .zero
            return reply
        }
        func response(_ body: JSONValue) -> EndpointTest.Reply.End {
            let isEmpty = body.kind == .null && status == 204
            return .response(
                status: status ?? 200, body: isEmpty ? [] : call.projection?.original(of: body) ?? Array(body.text))
        }
        let body = record["body"] ?? bodies?.body(of: index).map { JSONValue(validated: $0) }
        switch outcome {
        case .ok where call.foreach != nil:
            test.replies[name] = body.map(Self.items)?.map { body in
                // What takes the place of an item that has failed is told, and not how it failed.
                body.kind == .null
                    ? reply(.response(status: 500, body: []), after: nil) : reply(response(body), after: nil)
            }
        case .ok:
            test.replies[name] = [reply(response(body ?? JSONValue(validated: Array("{}".utf8))), after: duration)]
        case .httpError: test.replies[name] = [reply(.response(status: status ?? 500, body: []), after: duration)]
        case .badResponse:
            test.replies[name] = [reply(.response(status: 200, body: Array("no JSON".utf8)), after: duration)]
        case .timeout: test.replies[name] = [reply(.timeout, after: nil)]
        case .unreachable: test.replies[name] = [reply(.unreachable, after: duration)]
        // It had begun, and would have taken longer.
        case .cancelled where record["start_ms"] != nil: test.replies[name] = [reply(.timeout, after: nil)]
        case .cancelled, .skipped, .refused, .shed: break
        }
        if test.replies[name]?.isEmpty == true { test.replies[name] = nil }
    }

    /// The bodies of a list's items, which are a list or, by their keys, an object.
    private static func items(_ body: JSONValue) -> [JSONValue] {
        body.kind == .object ? body.members.map(\.value) : Array(body.elements)
    }
}

extension JSONValue {
    subscript(name: String) -> JSONValue? { members.first { $0.isNamed(name) }?.value }
}
