import Gather
import GatherConfig
import Rehearsal

/// A plan of one endpoint, from its YAML.
func plan(_ endpoint: String, upstreams: String = "shop: { hosts: [http://a, http://b] }") throws -> Plan {
    let lines = endpoint.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
    let text = "version: 1\nupstreams:\n  \(upstreams)\nendpoints:\n  - path: /x/{id}\n\(lines)\n"
    return try Configuration.read(text: text, file: "x.yaml").plan
}

/// A simulation of it, with models as flags give them.
func simulation(
    _ endpoint: String, upstreams: String = "shop: { hosts: [http://a, http://b] }", gathers: Int = 1000,
    _ models: String...
) throws -> Simulation {
    let plan = try plan(endpoint, upstreams: upstreams)
    var simulation = Simulation(plan.endpoints[0], of: plan)
    for model in models { try ModelReader.add(flag: model, to: &simulation.models, for: plan.endpoints[0], of: plan) }
    simulation.gathers = gathers
    return simulation
}

let chain = """
    calls:
      a: { get: "shop:/a/{path.id}" }
      b: { get: "shop:/b/{a.id}" }
    """

let single = """
    calls: { a: { get: "shop:/a/{path.id}" } }
    """
