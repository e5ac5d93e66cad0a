import EventLoop
import Gather
import HTTPServer
import HTTPTypes
import HTTPWire

/// The admin listener's endpoints, for the platform that runs the service.
final class AdminResponder: Handler {
    private enum Target { case health, readiness, metrics, gathers, reload }

    /// Asks the service what it says of itself. It captures the loop that asks.
    typealias Watch = () async -> MetricsPage
    /// Has the service read its configuration again. It captures the loop that asks.
    typealias Reload = () async -> ReloadOutcome

    private var router = Router<Target>()
    private let group: LoopGroup
    private let drain: Latch
    private let watch: Watch
    private let reload: Reload
    /// What each loop has said last, for when it does not answer in time: what was counted must not become less.
    private var latest: [Int: LoopSnapshot] = [:]

    /// - Parameter drain: opens when the service begins to shut down.
    init(
        group: LoopGroup, drain: Latch, reload: @escaping Reload = { .refused("there is no file") },
        watch: @escaping Watch
    ) {
        self.group = group
        self.drain = drain
        self.watch = watch
        self.reload = reload
        router.add(.get, "/healthz", .health)
        router.add(.get, "/readyz", .readiness)
        router.add(.get, "/metrics", .metrics)
        router.add(.get, "/gathers", .gathers)
        router.add(.post, "/-/reload", .reload)
    }

    func answer(_ request: Request, on loop: isolated EventLoop) -> Answer {
        let head = request.head
        if let response = Response(whateverThePath: head) { return .now(response) }
        switch router.match(head) {
        case .found(.health, _, _): return .now(Response(.ok, text: "ok\n"))
        case .found(.readiness, _, _): return .now(readinessResponse)
        case .found(.metrics, _, _): return .later { try await self.metrics(accept: head[.accept], on: loop) }
        case .found(.gathers, _, _):
            guard Self.isAddress(head.authority) else {
                return .now(.problem(.forbidden, "ask for this by the address of the machine, or as localhost"))
            }
            return .later { try await self.gathers(on: loop) }
        case .found(.reload, _, _):
            return .later {
                _ = loop  // What captures the loop is the loop's.
                return Response(await self.reload())
            }
        case .methodNotAllowed(let allowed): return .now(.methodNotAllowed(allowed))
        case .options(let allowed): return .now(.options(allowed))
        case .undecodable, .notFound:
            return .now(
                .problem(.notFound, "the admin listener has /healthz, /readyz, /metrics, /gathers and /-/reload"))
        }
    }

    private var readinessResponse: Response {
        if drain.isOpen { return Response(.serviceUnavailable, text: "draining\n") }
        guard group.readiness.isReady else { return Response(.serviceUnavailable, text: "warming up\n") }
        return Response(.ok, text: "ready\n")
    }

    private func metrics(accept: String?, on loop: isolated EventLoop) async throws -> Response {
        var page = await watch()
        for snapshot in page.service.loops { latest[snapshot.loop] = snapshot }
        page.loops = latest.keys.sorted().compactMap { latest[$0] }
        let (format, whole) = (Exposition.Format(accept: accept), page)
        let text = try await BodyWork.offLoop(on: loop) { whole.text(as: format) }
        return Response(.ok, fields: [.contentType: format.mediaType, .vary: "Accept"], body: text)
    }

    private func gathers(on loop: isolated EventLoop) async throws -> Response {
        let page = await GathersPage(of: group, on: loop)
        let json = try await BodyWork.offLoop(on: loop) { page.json }
        return Response(.ok, fields: [.contentType: "application/json", .cacheControl: "no-store"], body: json)
    }

    /// Whether the host is an address or localhost. A page of somebody else's whose name leads here (DNS rebinding) has neither, and could
    /// read what a browser on this machine may.
    private static func isAddress(_ authority: ArraySlice<UInt8>?) -> Bool {
        guard let authority = authority.map({ String(decoding: $0, as: UTF8.self) }) else { return true }
        let host = authority.hasPrefix("[") ? authority : String(authority.prefix { $0 != ":" })
        return host == "localhost" || host.hasPrefix("[") || (try? SocketAddress(host: host, port: 0)) != nil
    }
}

extension Response {
    /// What a reload came to, for the person who has asked for it.
    fileprivate init(_ outcome: ReloadOutcome) {
        switch outcome {
        case .changed(let generation, let changes):
            let lines = changes.map { $0.needsRestart ? "\($0) (when the process is started again)" : "\($0)" }
            self.init(
                .ok, text: (["serving configuration \(generation)"] + lines).map { $0 + "\n" }.joined())
        case .unchanged: self.init(.ok, text: "nothing has changed\n")
        case .failed(let problem): self.init(.unprocessableContent, text: problem + "\n")
        case .refused(let reason): self.init(.serviceUnavailable, text: reason + "\n")
        }
    }
}
