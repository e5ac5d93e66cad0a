import Gather
import HTTPServer
import HTTPTypes
import Testing

@testable import Gather
@testable import GatherService

@Suite struct GatherResponseTests {
    private func endpoint(_ change: (inout Endpoint) -> Void = { _ in }) throws -> Endpoint {
        let target = try TargetTemplate("/a", in: ReferenceScope())
        var endpoint = try Endpoint(
            path: "/x",
            calls: [Call(name: "a", upstream: 0, target: target), Call(name: "b", upstream: 0, target: target)])
        change(&endpoint)
        return endpoint
    }

    private func response(_ report: CallReport, passing passed: Set<Int> = []) throws -> Response {
        let reports = [CallReport(outcome: .ok, status: 200, start: .zero, duration: .zero), report]
        let endpoint = try endpoint { $0.passStatus = passed }
        return try Response.to(Gathered(verdict: .failed(1), reports: reports, isComplete: false), of: endpoint)
    }

    @Test(
        "The failure that decides gives the status",
        arguments: [
            (Outcome.httpError, 500, [], 502), (.httpError, 404, [], 502), (.httpError, 404, [404], 404),
            (.httpError, 409, [404, 409], 409), (.httpError, 500, [404], 502), (.timeout, nil, [404], 504),
            (.shed, nil, [], 503), (.refused, nil, [], 503), (.unreachable, nil, [], 502), (.badResponse, 200, [], 502),
            (.skipped, nil, [], 502),
            (.cancelled, nil, [], 502),
        ] as [(Outcome, Int?, Set<Int>, Int)])
    func statuses(_ outcome: Outcome, _ status: Int?, _ passed: Set<Int>, _ expected: Int) throws {
        let report = CallReport(outcome: outcome, status: status, start: .zero, duration: .zero)
        let response = try response(report, passing: passed)
        #expect(response.status.code == expected)
        #expect(response.fields[.retryAfter] == (expected == 503 ? "1" : nil))
        #expect(response.lines[.gatherComplete] == "false")
        #expect(response.fields[.contentType] == "application/problem+json")
    }

    @Test func `a problem tells the call, the reason and every outcome`() throws {
        let report = CallReport(
            outcome: .unreachable, detail: "no \"way\"", start: .milliseconds(1), duration: .milliseconds(2))
        let response = try response(report)
        #expect(
            String(decoding: response.body, as: UTF8.self)
                == #"{"type":"about:blank","title":"Bad Gateway","status":502,"#
                + #""detail":"call 'b' failed: unreachable (no \"way\")","calls":{"#
                + #""a":{"outcome":"ok","status":200,"start_ms":0.0,"duration_ms":0.0},"#
                + #""b":{"outcome":"unreachable","start_ms":1.0,"duration_ms":2.0,"detail":"no \"way\""}}}"# + "\n")
        #expect(
            response.lines[.serverTiming]
                == "a;dur=0.0;start=0.0;desc=ok, b;dur=2.0;start=1.0;desc=unreachable")
    }

    @Test func `a status that has no name has no title, in a problem and in a record`() throws {
        let report = CallReport(outcome: .httpError, status: 460, start: .zero, duration: .zero)
        let problem = String(decoding: try response(report, passing: [460]).body, as: UTF8.self)
        #expect(
            problem.hasPrefix(#"{"type":"about:blank","status":460,"detail":"call 'b' failed: http_error","calls":"#))
        let gathered = Gathered(verdict: .failed(1), reports: [report, report], isComplete: false)
        var record: [UInt8] = []
        let summary = GatherSummary(gathered: gathered, duration: .zero, deadline: .seconds(2), path: [1])
        GatherRecord.summary(summary)
            .append(to: &record, as: .lines, of: try endpoint { $0.passStatus = [460] })
        #expect(
            String(decoding: record, as: UTF8.self)
                == #"{"gather":{"complete":false,"status":460,"calls":2,"duration_ms":0.0,"#
                + #""deadline_ms":2000,"critical_path":["b"],"detail":"call 'b' failed: http_error"}}"# + "\n")
    }

    @Test func `an answer is sent as it is`() throws {
        let reports = Array(repeating: CallReport(outcome: .ok, status: 200, start: .zero, duration: .zero), count: 2)
        let gathered = Gathered(verdict: .answered(Array("[1]".utf8)), reports: reports, isComplete: true)
        let response = try Response.to(gathered, of: try endpoint())
        #expect(response.status == .ok)
        #expect(response.body == Array("[1]".utf8))
        #expect(response.lines[.contentType] == "application/json")
        #expect(response.lines[.gatherComplete] == "true")
    }

    @Test func `there is no answer to a client that left`() throws {
        let gathered = Gathered(verdict: .clientGone, reports: [], isComplete: false)
        let endpoint = try endpoint()
        #expect(throws: Refusal.clientGone) { try Response.to(gathered, of: endpoint) }
    }
}
