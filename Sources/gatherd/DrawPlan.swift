import ArgumentParser
import GatherConfig
import Rehearsal

/// `gatherd plan`
struct DrawPlan: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Draw an endpoint's calls: which wait for which, and how long each may take.",
        discussion: """
            Prints text or, with --dot, a Graphviz graph; --svg writes an SVG picture to a file, or with --svg - to standard \
            output.

              gatherd plan config/gatherd.yaml /v1/customers/{id}/dashboard --svg dashboard.svg
            """)

    @Argument(help: "The configuration file.", completion: .yamlFile)
    var file: String

    @Argument(
        help: """
            The endpoint: its path as in the file, or METHOD path. Without it, all endpoints are listed; if there is only one, it \
            is drawn.
            """,
        completion: .endpoint)
    var endpoint: String?

    @Flag(help: "Print the graph in Graphviz format (DOT).")
    var dot = false

    @Option(
        help: ArgumentHelp("Write the graph to a file, as an SVG picture.", valueName: "out.svg"),
        completion: .file(extensions: ["svg"]))
    var svg: String?

    func validate() throws {
        guard !dot || svg != "-" else {
            throw ValidationError("--dot and --svg - both write to standard output; leave one out")
        }
    }

    func run() throws {
        let plan = try Configuration.reading(file).plan
        if endpoint == nil, plan.endpoints.count + plan.proxies.count > 1, svg == nil, !dot {
            for endpoint in plan.endpoints { print(PlanGraph(endpoint, of: plan).summary) }
            for proxy in plan.proxies { print(proxy.summary(of: plan)) }
            return
        }
        if let proxy = plan.proxy(named: endpoint) {
            print(proxy.text(of: plan), terminator: "")
            return
        }
        do {
            let graph = PlanGraph(try plan.endpoint(named: endpoint), of: plan)
            if svg == "-" { return print(graph.svg, terminator: "") }
            if let svg {
                try Console.write(graph.svg, toFile: svg)
                if !dot { return }
            }
            print(dot ? graph.dot : graph.text, terminator: "")
        } catch {
            throw complain(error, of: Self.self)
        }
    }
}
