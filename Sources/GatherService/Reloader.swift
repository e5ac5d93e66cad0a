import EventLoop
import Gather
import GatherConfig
import HTTPServer
import Logging

/// Makes the service apply what its configuration says now. Confined to the first loop.
///
/// All that can fail is done before anything changes, and on a thread where it holds no loop: reading the file and
/// those that it names, opening listeners, making plan and routes. Then the loops take it over as one generation.
final class Reloader {
    private let service: Service
    private let others: OtherServers
    /// One thing after another: a reload while a new process takes over would give it listeners that are gone.
    let turn: Semaphore

    init(_ service: Service, _ others: OtherServers, on loop: isolated EventLoop) {
        self.service = service
        self.others = others
        turn = Semaphore(permits: 1, on: loop)
        others.reloader = self
    }

    /// Reads the configuration again.
    /// - Parameters:
    ///   - cause: who wants it, for the log.
    ///   - isQuiet: whether an unchanged configuration is not reported, unless the attempt before has
    ///     failed.
    @discardableResult
    func reload(_ cause: String, isQuiet: Bool = false, on loop: isolated EventLoop) async -> ReloadOutcome {
        guard (try? await turn.acquire()) != nil else { return .refused("the service is stopping") }
        defer { turn.release() }
        service.manager.reloading()
        let outcome = await attempt(on: loop)
        let isAsBefore = if case .unchanged = outcome { service.current.reloads.failure == nil } else { false }
        if !(isQuiet && isAsBefore) {
            log(outcome, cause)
            service.change { $0.reloads.count(outcome) }
        }
        service.manager.ready(outcome.summary)
        return outcome
    }

    private func attempt(on loop: isolated EventLoop) async -> ReloadOutcome {
        guard !service.drain.isOpen else { return .refused("the service is stopping") }
        guard let source = service.surroundings.source else { return .refused("there is no file to reload") }
        let (served, state) = (service, service.current)
        do {
            let next = try await loop.runBlocking { try NextGeneration(source(), of: served, after: state) }
            guard !next.changes.isEmpty || !next.opened.isEmpty else {
                state.generation.access.fetchAgain()
                return .unchanged(generation: state.generation.number)
            }
            try await takeOver(next, after: state, on: loop)
            state.generation.access.fetchAgain()
            return .changed(generation: next.generation.number, next.changes)
        } catch {
            return .failed("\(error)")
        }
    }

    private func takeOver(_ next: NextGeneration, after state: Service.State, on loop: isolated EventLoop) async throws
    {
        let clients = next.opened.first { $0.role == .clients }
        try await service.group.swap(to: next.generation, clients: clients, on: loop) {
            if clients == nil { state.clients.group.options = next.options }
        }
        let configuration = next.generation.configuration
        let staying = state.others.filter { configuration.address(of: $0.role) == $0.address }
        service.change { state in
            state.generation = next.generation
            state.clients = clients ?? state.clients
            state.others = staying + next.opened.filter { $0.role != .clients }
        }
        for listening in next.opened where listening.role != .clients { others.start(listening, on: loop) }
        let isShopChanged = configuration.demo?.shop != state.generation.configuration.demo?.shop
        if isShopChanged { others.renewShop() }
        if clients != nil { state.clients.leaveToSuccessor() }
        for listening in state.others where !staying.contains(where: { $0 === listening }) {
            listening.leaveToSuccessor()
        }
        // The end of the service may have come meanwhile.
        if service.drain.isOpen { service.current.clients.drain.open() }
    }

    private func log(_ outcome: ReloadOutcome, _ cause: String) {
        let logger = service.logger
        switch outcome {
        case .changed(let generation, let changes):
            let shown = changes.prefix(10).map { "\($0.sign) \($0.subject)" }.joined(separator: ", ")
            let rest = changes.count > 10 ? " and \(changes.count - 10) more" : ""
            logger.notice(
                "the configuration was reloaded",
                metadata: [
                    "cause": "\(cause)", "generation": .stringConvertible(generation), "changes": "\(shown)\(rest)",
                ])
            for change in changes where change.needsRestart {
                logger.warning("this takes effect at the next start", metadata: ["change": "\(change)"])
            }
            for warning in service.current.generation.configuration.warnings { logger.warning("\(warning.message)") }
        case .unchanged:
            logger.notice("the configuration was reloaded, and has not changed", metadata: ["cause": "\(cause)"])
        case .failed(let problem):
            for line in problem.split(separator: "\n") {
                logger.error("the configuration was not reloaded", metadata: ["cause": "\(cause)", "error": "\(line)"])
            }
        case .refused(let reason):
            logger.warning("the configuration was not reloaded", metadata: ["cause": "\(cause)", "error": "\(reason)"])
        }
    }
}

/// The result of a reload.
enum ReloadOutcome: Sendable, Equatable {
    case changed(generation: Int, [ConfigurationChange])
    case unchanged(generation: Int)
    /// Nothing has changed, because of this.
    case failed(String)
    /// It was not tried, because of this.
    case refused(String)

    /// In one line.
    var summary: String {
        switch self {
        case .changed(let generation, _), .unchanged(let generation): "serving configuration \(generation)"
        case .failed(let problem): "not reloaded: \(problem.prefix { $0 != "\n" })"
        case .refused(let reason): "not reloaded: \(reason)"
        }
    }
}

/// What a reload needs, made before anything changes; throws what is wrong with it.
private struct NextGeneration: Sendable {
    let generation: Generation
    let changes: [ConfigurationChange]
    /// Those of clients' connections.
    let options: ServerOptions
    /// The listeners whose address has changed.
    let opened: [Listening]

    init(_ configuration: Configuration, of service: Service, after state: Service.State) throws {
        changes = configuration.changes(from: state.generation.configuration)
        try configuration.checkTLS(after: state.generation.configuration)
        options = Service.options(configuration, loops: service.group.count, logger: service.logger)
        let clientOptions = options
        opened = try Listening.Role.allCases.compactMap { role in
            let current = state.listenings.first { $0.role == role }
            guard let address = configuration.address(of: role), address != current?.address else { return nil }
            return try Listening.open(
                role, at: address, options: role == .clients ? clientOptions : .others(role), besides: state.listenings)
        }
        let clients = opened.first { $0.role == .clients } ?? state.clients
        generation = Generation(
            configuration, loops: service.group.count, address: clients.group.address, after: state.generation)
    }
}

extension ConfigurationChange {
    fileprivate var sign: String {
        switch kind {
        case .added: "+"
        case .removed: "-"
        case .changed: "~"
        }
    }
}
