import EventLoop
import Gather
import GatherConfig
import GatherFetch
import HTTPTypes
import HTTPWire
import JSONText

/// Gathers from URLs without a configuration: each is a call, and all of them are under way at once.
///
/// It is told in the records of a stream. What a response holds is not looked at, so that pages and pictures are as
/// good as JSON: a call's body is the number of bytes that came.
public struct URLGather: Sendable {
    private let plan: Plan

    /// - Parameters:
    ///   - timeout: for all of them.
    ///   - concurrency: how many may be under way at once at each server.
    public init(_ urls: [String], timeout: Duration, concurrency: Int) throws(UsageError) {
        var upstreams: [Upstream] = []
        var calls: [Call] = []
        for (number, url) in urls.enumerated() {
            let url = url.contains("://") ? url : "http://" + url
            let scheme = url.hasPrefix("https://") ? "https://" : "http://"
            let rest = url.dropFirst(scheme.count).prefix { $0 != "#" }
            let slash = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            let path = rest[slash...].hasPrefix("/") ? String(rest[slash...]) : "/" + rest[slash...]
            do {
                let origin = try Origin(scheme + rest[..<slash])
                let upstream = upstreams.firstIndex { $0.hosts == [origin] } ?? upstreams.count
                if upstream == upstreams.count { upstreams.append(Upstream(name: origin.base, hosts: [origin])) }
                // Braces stand for themselves here, and for references in a template.
                let target = path.replacing("{", with: "%7B").replacing("}", with: "%7D")
                let name = "\(number + 1) \(rest)"
                calls.append(
                    Call(name: name, upstream: upstream, target: try TargetTemplate(target, in: ReferenceScope())))
            } catch {
                throw UsageError(url, "cannot be requested: \(error)", "write http://host:port/path")
            }
        }
        for index in upstreams.indices {
            upstreams[index].maxInFlight = concurrency
            (upstreams[index].maxQueued, upstreams[index].queueTimeout) = (urls.count, timeout)
            (upstreams[index].timeout, upstreams[index].connectTimeout) = (timeout, timeout)
            upstreams[index].maxBodyBytes = 1024 * 1024 * 1024
        }
        do {
            var endpoint = try Endpoint(path: "/", calls: calls)
            (endpoint.policy, endpoint.deadline) = (.settled, timeout)
            plan = Plan(upstreams: upstreams, endpoints: [endpoint])
        } catch {
            preconditionFailure("calls that refer to nothing wait for nothing")
        }
    }

    /// Gathers as often as is said, over the same connections; one after the other.
    /// - Parameter tell: gets each record with its line break, and which run it is of.
    public func run(
        times: Int, on loop: isolated EventLoop, tell: @escaping (_ run: Int, _ record: [UInt8]) -> Void
    ) async throws {
        let upstreams = try CurlUpstreams(plan.upstreams, on: loop)
        defer { upstreams.close() }
        let engine = GatherEngine(plan, client: AnyContent(upstreams))
        let endpoint = plan.endpoints[0]
        for run in 0..<times where !Task.isCancelled {
            let records = RecordLines(endpoint) { tell(run, $0) }
            let start = loop.time
            let gathered = await engine.gather(endpoint, NothingSent(), observer: records, on: loop)
            records.end(gathered, after: start.duration(to: loop.time))
        }
    }
}

/// An empty request, since there is no client.
private struct NothingSent: GatherInput {
    var body: JSONValue? { nil }
    func pathParameter(_ index: Int) -> String { "" }
    func queryValues(_ name: String) -> [String] { [] }
    func header(_ name: HTTPField.Name) -> String? { nil }
}

/// Renders what happens in a gather as records of a stream.
private final class RecordLines: GatherObserver {
    private let endpoint: Endpoint
    private let tell: ([UInt8]) -> Void
    private var path: CriticalPath

    init(_ endpoint: Endpoint, tell: @escaping ([UInt8]) -> Void) {
        (self.endpoint, self.tell) = (endpoint, tell)
        path = CriticalPath(endpoint)
    }

    func callStarted(_ call: Int, at start: Duration) { append(.start(call, at: start, after: nil)) }

    func attemptChanged(of call: Int, _ attempt: AttemptReport) { append(.attempt(call, attempt)) }

    func callEnded(_ call: Int, _ report: CallReport, body: JSONValue?) {
        path.end(call, report)
        append(.call(call, report, body: report.outcome == .ok ? body : nil))
    }

    func end(_ gathered: Gathered, after duration: Duration) {
        append(
            .summary(
                GatherSummary(
                    gathered: gathered, duration: duration, deadline: endpoint.deadline,
                    path: path.calls(deciding: gathered))))
    }

    private func append(_ record: GatherRecord) {
        var output: [UInt8] = []
        record.append(to: &output, as: .lines, of: endpoint)
        tell(output)
    }
}

/// An upstreams' client to which the content of a good response is how much of it came.
private final class AnyContent: UpstreamClient {
    private let upstreams: CurlUpstreams

    init(_ upstreams: CurlUpstreams) { self.upstreams = upstreams }

    func start(
        _ request: ClientRequest, for call: String?, to upstream: UpstreamIndex, host: HostIndex,
        until deadline: LoopInstant, on reactor: Reactor
    ) throws(UpstreamFailure) -> any ClientExchange {
        Exchange(try upstreams.start(request, for: call, to: upstream, host: host, until: deadline, on: reactor))
    }

    private final class Exchange: ClientExchange {
        private let exchange: any ClientExchange

        init(_ exchange: any ClientExchange) { self.exchange = exchange }

        var wait: WaitID {
            get { exchange.wait }
            set { exchange.wait = newValue }
        }

        var hasEnded: Bool { exchange.hasEnded }

        func finish(_ wake: Wake) throws(UpstreamFailure) -> ClientResponse {
            var response = try exchange.finish(wake)
            if (200..<300).contains(response.status), response.status != 204 {
                response.body = Array("\(response.body.count)".utf8)
            }
            return response
        }
    }
}
