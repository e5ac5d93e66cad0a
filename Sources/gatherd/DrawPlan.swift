import ArgumentParser
import GatherConfig
import Rehearsal

/// `gatherd plan`
struct DrawPlan: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Draw an endpoint's calls: what waits for what, and how long it may take.",
        discussion: """
            As text or, with --dot, in Graphviz' language; --svg writes a picture.

              gatherd plan config/gatherd.yaml /v1/customers/{id}/dashboard --svg dashboard.svg
            """)

    @Argument(help: "The configuration file.")
    var file: String

    @Argument(help: "The endpoint: its path as in the file, or METHOD path. May be left out if there is one only.")
    var endpoint: String?

    @Flag(help: "Print the graph in Graphviz' language.")
    var dot = false

    @Option(help: ArgumentHelp("Write the graph as a picture into a file.", valueName: "out.svg"))
    var svg: String?

    func run() throws {
        let plan = try Configuration.reading(file).plan
        do {
            let graph = PlanGraph(try plan.endpoint(named: endpoint), of: plan)
            if let svg {
                try Console.write(graph.svg, toFile: svg)
                if !dot { return }
            }
            print(dot ? graph.dot : graph.text, terminator: "")
        } catch {
            throw complain(error)
        }
    }
}
