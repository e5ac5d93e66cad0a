import ArgumentParser
import Gather
import GatherConfig
import Rehearsal

/// `gatherd simulate`
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run thousands of gathers on virtual time, against models of the upstreams.",
        discussion: """
            The engine is the one that serves; the upstreams are drawn from models. The same arguments print the same tables.

              gatherd simulate my.yaml --model 'shop=p50=10ms p99=80ms slow=1%:1s' --model 'shop.orders=5ms..20ms'

            A model: 10ms | 5ms..20ms | p50=10ms p99=80ms | mean=10ms, and slow=1%:1s, fail=0.5% or fail=2%:500, refuse=0.1%, \
            hang=0.1%, garbage=0.1%. It is of an upstream (shop), a host of it (shop#2) or a call to it (shop.orders).
            """)

    @Argument(help: "The configuration file.", completion: .yamlFile)
    var file: String

    @Argument(
        help: "The endpoint: its path as in the file, or METHOD path. May be left out if there is one only.",
        completion: .endpoint)
    var endpoint: String?

    @Option(help: "How many gathers.")
    var gathers = 10_000

    @Option(help: "How many gathers a second begin, on average. (default: 100)")
    var rate: Double?

    @Option(help: "How many gathers run at a time, each after another; in place of --rate.")
    var concurrency: Int?

    @Option(help: "What chance is drawn from.")
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("The model of an upstream, a host or a call; several times.", valueName: "name=model"))
    var model: [String] = []

    @Option(help: "A YAML file that maps names to models; --model comes before it.", completion: .yamlFile)
    var models: String?

    @Option(
        help: ArgumentHelp(
            "A value of the client's request, such as query.page=2; several times.", valueName: "name=value"))
    var set: [String] = []

    @Option(help: "The body of the client's request, JSON.")
    var body: String?

    @Option(
        help: """
            What upstreams go without, to compare: retry, hedge, breaker, eject, health, coalesce, adaptive_limit, with commas \
            between them.
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

    func run() throws {
        let plan = try Configuration.reading(file).plan
        let result: SimulationResult
        let simulation: Simulation
        do {
            simulation = try simulated(plan)
            let bar = ProgressBar(total: gathers)
            defer { bar.clear() }
            result = try simulation.run { bar.show($0) }
        } catch {
            throw complain(error, of: Self.self)
        }
        print(SimulationReport.text(result, of: simulation), terminator: "")
    }

    private func simulated(_ plan: Plan) throws -> Simulation {
        let plan = try without.map { try plan.without($0) } ?? plan
        let endpoint = try plan.endpoint(named: endpoint)
        var simulation = Simulation(endpoint, of: plan)
        if let models {
            simulation.models = try ModelReader.read(
                file: models, environment: Console.environment, for: endpoint, of: plan)
        }
        for flag in model { try ModelReader.add(flag: flag, to: &simulation.models, for: endpoint, of: plan) }
        simulation.request = try RequestArguments.read(set, body: body, for: endpoint)
        simulation.gathers = gathers
        simulation.arrivals = concurrency.map { .closed(concurrency: $0) } ?? .poisson(perSecond: rate ?? 100)
        simulation.seed = seed
        return simulation
    }
}
