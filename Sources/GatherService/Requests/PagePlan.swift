import Gather
import HTTPTypes
import JSONText

/// What the page at `/` knows about the endpoints before any runs: what can be asked for, and which call waits for
/// which.
///
/// Clients are told no more about an endpoint than its answers would: nothing of internal calls, and of none where
/// outcomes are not disclosed.
enum PagePlan {
    /// `{"endpoints":[{"method":"GET","path":"/v1/customers/{id}","deadline_ms":500,"stream":true,"query":["q"],"headers":[],
    /// "calls":[{"name":"customer","after":[]}]}]}`
    /// - Parameter bodies: what to send to each endpoint, where it reads a body.
    static func json(of endpoints: [Endpoint], bodies: [String]) -> [UInt8] {
        JSONText.object { json in
            json.objects("endpoints", of: zip(endpoints, bodies)) { json, each in
                write(each.0, body: each.1, to: &json)
            }
        }
    }

    private static func write(_ endpoint: Endpoint, body: String, to json: inout JSONWriter) {
        let taken = endpoint.clientValues
        json.member("method", endpoint.method.rawValue)
        json.member("path", endpoint.path)
        json.member("deadline_ms", FixedPoint(exact: endpoint.deadline))
        json.member("stream", endpoint.isStreamed)
        json.array("query", of: taken.query.sorted()) { $0.string($1) }
        json.array("headers", of: taken.headers.map(\.rawName).sorted()) { $0.string($1) }
        if taken.readsBody { json.member("body", body) }
        json.objects("calls", of: endpoint.visibleCalls) { json, call in
            json.member("name", endpoint.calls[call].name)
            json.array("after", of: endpoint.visibleInputs(of: call)) { $0.string(endpoint.calls[$1].name) }
        }
    }
}

extension Endpoint {
    fileprivate var visibleCalls: [Int] {
        disclosure == .nothing ? [] : calls.indices.filter { !calls[$0].isInternal }
    }

    /// The calls that a call waits for, with those that internal ones wait for in their places.
    fileprivate func visibleInputs(of call: Int) -> [Int] {
        var visible: Set<Int> = []
        var (seen, waiting) = (Set([call]), graph.inputs[call])
        while let input = waiting.popLast() {
            guard seen.insert(input).inserted else { continue }
            if calls[input].isInternal { waiting += graph.inputs[input] } else { visible.insert(input) }
        }
        return visible.sorted()
    }
}
