import DemoUpstream
import EventLoop
import Gather
import GatherConfig
import HTTPServer
import HTTPTypes
import HTTPWire
import Logging

/// The admin listener's endpoints, for the platform that runs the service.
final class AdminResponder: Handler {
    private enum Target: String, CaseIterable {
        case health = "/healthz"
        case readiness = "/readyz"
        case metrics = "/metrics"
        case gathers = "/gathers"
        case gather = "/gathers/{id}"
        case console = "/console"
        case consoleStyle = "/console/console.css"
        case consoleScript = "/console/console.js"
        case consoleEvents = "/console/events"
        case model = "/model"
        case reload = "/-/reload"
        case logLevel = "/-/log-level"
        case setLogLevel = "/-/log-level/{level}"

        /// Whether it is for platforms, which may have their own name for the service. The others are for people, so
        /// that it matters on behalf of which page a browser asks.
        var isForPlatforms: Bool { [.health, .readiness, .metrics].contains(self) }
    }

    /// Collects the service's metrics. It captures the loop that asks.
    typealias Watch = () async -> MetricsPage
    /// Makes the service read its configuration again. It captures the loop that asks.
    typealias Reload = () async -> ReloadOutcome

    private var router = Router<Target>()
    private let group: LoopGroup
    private let drain: Latch
    private let end: Latch
    private let log: LogWriter?
    private let settings: () -> ServerSettings
    private let watch: Watch
    private let reload: Reload
    /// The last snapshot of each loop, for when one does not answer in time: counters must not go down.
    private var latest: [Int: LoopSnapshot] = [:]

    /// - Parameters:
    ///   - drain: opens when the service begins to shut down.
    ///   - end: opens when the listener, and the streams of events that it serves, are to end.
    ///   - log: whose level may be changed.
    ///   - settings: those of the configuration that is served.
    init(
        group: LoopGroup, drain: Latch, end: Latch, log: LogWriter? = nil, settings: @escaping () -> ServerSettings,
        reload: @escaping Reload = { .refused("there is no file") }, watch: @escaping Watch
    ) {
        (self.group, self.drain, self.end, self.log) = (group, drain, end, log)
        (self.settings, self.watch, self.reload) = (settings, watch, reload)
        for target in Target.allCases {
            router.add([.reload, .setLogLevel].contains(target) ? .post : .get, target.rawValue, target)
        }
    }

    func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
        router.answer(
            request,
            unknown:
                "the admin listener has /console, /healthz, /readyz, /metrics, /gathers, /model, /-/reload and /-/log-level"
        ) { target, parameters in
            if !target.isForPlatforms, let refusal = refusal(of: request.head) { return .now(refusal) }
            return answer(target, parameters.first ?? "", request.head, on: loop)
        }
    }

    private func answer(
        _ target: Target, _ parameter: String, _ head: RequestHead, on loop: isolated EventLoop
    ) -> Answer {
        switch target {
        case .health: .now(Response(.ok, text: "ok\n"))
        case .readiness: .now(readinessResponse)
        case .metrics: .later { try await self.metrics(accept: head[.accept], on: loop) }
        case .gathers: .later { try await self.gathers(on: loop) }
        case .gather: .later { try await self.gather(parameter, on: loop) }
        case .console: .now(ConsolePage.markup)
        case .consoleStyle: .now(ConsolePage.style)
        case .consoleScript: .now(ConsolePage.script)
        case .consoleEvents: .now(consoleEvents(as: RecordFormat(accept: head[.accept]) ?? .events, on: loop))
        case .model: .later { try await self.model(of: QueryItems(head.query)["endpoint"], on: loop) }
        case .reload:
            .later {
                _ = loop  // What captures the loop is the loop's.
                return Response(await self.reload())
            }
        case .logLevel: .now(Response(.ok, text: "\(log?.level ?? group.logger.logLevel)\n"))
        case .setLogLevel: .later { await self.setLogLevel(parameter, on: loop) }
        }
    }

    /// The refusal of a browser's request that may come from a foreign page; nil if it does not.
    private func refusal(of head: RequestHead) -> Response? {
        guard settings().admits(head.authority) else {
            return .problem(
                .forbidden,
                "the admin listener does not answer to this name: use an address or localhost, or add the name to "
                    + "server.admin_hosts"
            )
        }
        // A page of another origin sends requests that its reader did not ask for (Fetch Metadata).
        let site = head[.known("Sec-Fetch-Site")]
        guard head.method == .get || site == nil || site == "same-origin" || site == "none" else {
            return .problem(.forbidden, "a page of another origin may not do this")
        }
        return nil
    }

    private var readinessResponse: Response {
        if drain.isOpen { return Response(.serviceUnavailable, text: "draining\n") }
        guard group.readiness.isReady else { return Response(.serviceUnavailable, text: "warming up\n") }
        return Response(.ok, text: "ready\n")
    }

    /// How long a loop may take to adopt a new level.
    private static let levelTime: Duration = .seconds(1)

    /// Has lines of at least this level logged from now on.
    private func setLogLevel(_ name: String, on loop: isolated EventLoop) async -> Response {
        let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        guard let level = Logger.Level(rawValue: name) else {
            return .problem(.badRequest, "'\(name)' is not one of the levels \(names)")
        }
        guard let log else { return .problem(.serviceUnavailable, "the level of this log cannot be changed") }
        log.level = level
        _ = await group.onEachLoop(within: Self.levelTime, on: loop) { $0.accessLog.levelChanged() }
        group.logger.notice("the log level has changed", metadata: ["level": "\(level)"])
        return Response(.ok, text: "\(level)\n")
    }

    /// The service's metrics, with the last snapshots of loops that do not answer.
    private func page() async -> MetricsPage {
        var page = await watch()
        for snapshot in page.service.loops { latest[snapshot.loop] = snapshot }
        page.loops = latest.keys.sorted().compactMap { latest[$0] }
        return page
    }

    /// What is of this moment, as text of a type.
    private static func content(_ type: String, _ body: [UInt8]) -> Response {
        Response(.ok, fields: [.contentType: type, .cacheControl: "no-store"], body: body)
    }

    private func metrics(accept: String?, on loop: isolated EventLoop) async throws -> Response {
        let page = await page()
        let format = Exposition.Format(accept: accept)
        let text = try await BodyWork.offLoop(on: loop) { page.text(as: format) }
        return Response(.ok, fields: [.contentType: format.mediaType, .vary: "Accept"], body: text)
    }

    private func gathers(on loop: isolated EventLoop) async throws -> Response {
        let page = await GathersPage(of: group, on: loop)
        return Self.content("application/json", try await BodyWork.offLoop(on: loop) { page.json })
    }

    /// One gather as JSON; as a picture, where its name ends with `.svg`.
    private func gather(_ name: String, on loop: isolated EventLoop) async throws -> Response {
        let page = await GathersPage(of: group, on: loop)
        let isPicture = name.hasSuffix(".svg")
        let id = isPicture ? String(name.dropLast(4)) : name
        let body = try await BodyWork.offLoop(on: loop) { isPicture ? page.svg(of: id) : page.json(of: id) }
        guard let body else { return .problem(.notFound, "there is no such gather, or it is no longer kept") }
        return isPicture
            ? Response(.ok, fields: ConsolePage.pictureFields, body: body) : Self.content("application/json", body)
    }

    /// Models of what was observed, and of the calls of an endpoint if one is named.
    private func model(of endpoint: String?, on loop: isolated EventLoop) async throws -> Response {
        let page = await page()
        let yaml = try await BodyWork.offLoop(on: loop) {
            ModelPage(MetricsSnapshot(sumOf: page.loops.map(\.metrics))).yaml(of: endpoint)
        }
        return Self.content("application/yaml", yaml)
    }

    private func consoleEvents(as format: RecordFormat, on loop: isolated EventLoop) -> Response {
        Response(.ok, fields: format.fields) { writer async throws(StreamFailure) in
            let feed = ConsoleFeed(
                self.group,
                page: {
                    _ = loop  // What captures the loop is the loop's.
                    return await self.page()
                }, as: format, drain: self.drain)
            try await feed.send(through: writer, until: self.end, on: loop)
        }
    }
}

extension Response {
    /// The outcome of a reload, for the person who asked for it.
    fileprivate init(_ outcome: ReloadOutcome) {
        switch outcome {
        case .changed(let generation, let changes):
            let lines = changes.map { $0.needsRestart ? "\($0) (at the next start)" : "\($0)" }
            self.init(
                .ok, text: (["serving configuration \(generation)"] + lines).map { $0 + "\n" }.joined())
        case .unchanged: self.init(.ok, text: "nothing has changed\n")
        case .failed(let problem): self.init(.unprocessableContent, text: problem + "\n")
        case .refused(let reason): self.init(.serviceUnavailable, text: reason + "\n")
        }
    }
}

extension ServerSettings {
    /// Whether the admin listener answers browsers under the name in a request's Host; one without (HTTP/1.0) comes
    /// from no browser.
    ///
    /// A foreign page whose name resolves to this machine (DNS rebinding) has the same origin as the listener, and could
    /// read what a browser here may read. Its name cannot be an address, or localhost.
    fileprivate func admits(_ authority: ArraySlice<UInt8>?) -> Bool {
        guard let authority = authority.map({ String(decoding: $0, as: UTF8.self).lowercased() }) else { return true }
        let host = authority.hasPrefix("[") ? authority : String(authority.prefix { $0 != ":" })
        let names = adminHosts + (admin.map { [$0.host] } ?? [])
        return host == "localhost" || host.hasPrefix("[") || names.contains { $0.lowercased() == host }
            || (try? SocketAddress(host: host, port: 0)) != nil
    }
}
