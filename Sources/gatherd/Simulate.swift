import ArgumentParser
import EventLoop
import Gather
import GatherConfig
import Glibc
import HTTPWire
import Rehearsal

/// `gatherd simulate`
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run thousands of gathers on virtual time, against models of the upstreams.",
        discussion: """
            It uses the same engine as 'gatherd serve', with modelled upstreams. The same arguments give the same results.

              gatherd simulate my.yaml --model 'shop=p50=10ms p99=80ms slow=1%:1s' --model 'shop.orders=5ms..20ms'

            A model: 10ms | 5ms..20ms | p50=10ms p99=80ms | mean=10ms, and slow=1%:1s, fail=0.5% or fail=2%:500, refuse=0.1%, \
            hang=0.1%, garbage=0.1%. A model applies to an upstream (shop), one of its hosts (shop#2) or one of its calls \
            (shop.orders).

            With --observed the models are what a running service has seen of its upstreams; --hedge, --attempts, --timeout, --deadline, \
            --quorum and --against ask what a change would have done, and print both side by side.

              gatherd simulate my.yaml /v1/page --observed 127.0.0.1:9090 --hedge 2% --svg page.svg
            """)

    @Argument(help: "The configuration file.", completion: .yamlFile)
    var file: String

    @Argument(
        help: "The endpoint: its path as in the file, or METHOD path. Optional if there is only one.",
        completion: .endpoint)
    var endpoint: String?

    @Option(help: "How many gathers to run.")
    var gathers = 10_000

    @Option(help: "The average number of gathers started per second. (default: 100)")
    var rate: Double?

    @Option(help: "How many gathers to keep running, starting a new one whenever one ends; replaces --rate.")
    var concurrency: Int?

    @Option(help: "The seed for random numbers.")
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("The model of an upstream, a host or a call; may be repeated.", valueName: "name=model"))
    var model: [String] = []

    @Option(help: "A YAML file that maps names to models; --model takes precedence.", completion: .yamlFile)
    var models: String?

    @Option(
        help: ArgumentHelp(
            "The admin listener of a running service, for models of what it has observed; --model and --models take precedence.",
            valueName: "admin"),
        transform: { try ListenAddress(argument: $0) })
    var observed: ListenAddress?

    @Option(
        help: ArgumentHelp(
            "What if each upstream had a hedge: a share of extra load, such as 2%, or a delay, such as 60ms.",
            valueName: "load or time"))
    var hedge: String?

    @Option(help: ArgumentHelp("What if each call had this many attempts, including the first.", valueName: "number"))
    var attempts: Int?

    @Option(help: ArgumentHelp("What if no attempt took longer than this.", valueName: "time"))
    var timeout: String?

    @Option(help: ArgumentHelp("What if the endpoint had this deadline.", valueName: "time"))
    var deadline: String?

    @Option(help: ArgumentHelp("What if this many successes were enough.", valueName: "number"))
    var quorum: Int?

    @Option(
        help: ArgumentHelp("What if the endpoint were as in another file.", valueName: "file"), completion: .yamlFile)
    var against: String?

    @Option(
        help: ArgumentHelp("Also write a picture of the distributions to a file.", valueName: "file"),
        completion: .file(extensions: ["svg"]))
    var svg: String?

    @Option(
        help: ArgumentHelp(
            "A value of the client's request, such as query.page=2; may be repeated.", valueName: "name=value"))
    var set: [String] = []

    @Option(help: "The body of the client's request, as JSON.")
    var body: String?

    @Option(
        help: """
            Features to switch off, for comparison, separated by commas: retry, hedge, breaker, eject, health, coalesce, \
            adaptive_limit.
            """,
        completion: .list(["retry", "hedge", "breaker", "eject", "health", "coalesce", "adaptive_limit"]))
    var without: String?

    func validate() throws {
        guard (1...10_000_000).contains(gathers) else {
            throw ValidationError("--gathers is a number from 1 to 10000000")
        }
        guard rate == nil || concurrency == nil else {
            throw ValidationError("--rate and --concurrency are two ways for gathers to begin; leave one out")
        }
        if let rate, !(0.01...1_000_000).contains(rate) {
            throw ValidationError("--rate is a number from 0.01 to 1000000")
        }
        if let concurrency, !(1...100_000).contains(concurrency) {
            throw ValidationError("--concurrency is a number from 1 to 100000")
        }
    }

    private var changes: PlanChanges {
        var changes = PlanChanges()
        (changes.hedge, changes.attempts, changes.timeout) = (hedge, attempts, timeout)
        (changes.deadline, changes.quorum) = (deadline, quorum)
        return changes
    }

    func run() throws {
        let plan = try Configuration.reading(file).plan
        let other = try against.map { try Configuration.reading($0).plan }
        let title: String
        let results: [(name: String, result: SimulationResult)]
        do {
            let before = try simulation(of: plan)
            let result = try played(before)
            let change = [changes.text, against ?? ""].filter { !$0.isEmpty }.joined(separator: ", ")
            if change.isEmpty {
                results = [("simulated", result)]
                print(SimulationReport.text(result, of: before), terminator: "")
            } else {
                var after = try other.map { try simulation(of: $0) } ?? before
                (after.plan, after.endpoint) = try changes.apply(to: after.endpoint, of: after.plan)
                let changed = try played(after)
                results = [("before", result), ("after", changed)]
                print(
                    SimulationReport.text(before: result, after: changed, change: change, of: before), terminator: "")
            }
            title = "\(before.endpoint.method.rawValue) \(before.endpoint.path)" + (change.isEmpty ? "" : ": \(change)")
        } catch {
            throw complain(error, of: Self.self)
        }
        if let svg { try Console.write(SimulationPicture.svg(results, title: title), toFile: svg) }
    }

    private func played(_ simulation: Simulation) throws -> SimulationResult {
        let bar = ProgressBar(total: gathers)
        defer { bar.clear() }
        return try simulation.run { bar.show($0) }
    }

    private func simulation(of plan: Plan) throws -> Simulation {
        let plan = try without.map { try plan.without($0) } ?? plan
        let endpoint = try plan.endpoint(named: endpoint)
        var simulation = Simulation(endpoint, of: plan)
        if let observed {
            simulation.models = try ModelReader.read(
                text: try Self.model(of: endpoint, from: observed), file: "\(observed)/model", for: endpoint, of: plan)
        }
        if let models {
            let read = try ModelReader.read(file: models, environment: Console.environment, for: endpoint, of: plan)
            simulation.models.merge(read)
        }
        for flag in model { try ModelReader.add(flag: flag, to: &simulation.models, for: endpoint, of: plan) }
        simulation.request = try RequestArguments.read(set, body: body, for: endpoint)
        simulation.gathers = gathers
        simulation.arrivals = concurrency.map { .closed(concurrency: $0) } ?? .poisson(perSecond: rate ?? 100)
        simulation.seed = seed
        return simulation
    }

    /// What a service has observed.
    private static func model(of endpoint: Endpoint, from address: ListenAddress) throws -> String {
        let client = AdminClient(address: address)
        let name = PercentEncoding.encode("\(endpoint.method.rawValue) \(endpoint.path)")
        let content = try EventLoop.run { loop in
            try await client.content(of: "/model?endpoint=" + name, within: .seconds(10), on: loop)
        }
        return String(decoding: content, as: UTF8.self)
    }
}

/// How far a simulation is, on standard error if that is a terminal.
private struct ProgressBar {
    private static let width = 40
    private let total: Int
    private let isShown = isatty(STDERR_FILENO) == 1

    init(total: Int) { self.total = total }

    func show(_ done: Int) {
        let filled = done * Self.width / total
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.width - filled)
        write("\r\(bar) \(done * 100 / total)%")
    }

    /// Leaves the line as it was.
    func clear() { write("\r" + String(repeating: " ", count: Self.width + 5) + "\r") }

    private func write(_ text: String) {
        if isShown { Console.write(text, to: STDERR_FILENO) }
    }
}
