import Foundation
import GatherConfig
import Rehearsal
import Testing

/// The configurations that come with the project.
enum GivenFile {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func path(_ name: String) -> String { root.appendingPathComponent("config/\(name)").path }

    static func text(_ name: String) throws -> String {
        try String(contentsOf: URL(fileURLWithPath: path(name)), encoding: .utf8)
    }
}

@Suite struct GivenFiles {
    @Test(arguments: ["gatherd.yaml", "bench.yaml", "bench-tls.yaml", "simulation.yaml"])
    func `a given file is read without errors or warnings`(name: String) throws {
        let configuration = try Configuration.read(file: GivenFile.path(name), environment: [:])
        #expect(configuration.warnings == [])
    }

    @Test func `every call of every given endpoint can be simulated`() throws {
        for name in ["gatherd.yaml", "bench.yaml", "bench-tls.yaml", "simulation.yaml"] {
            let plan = try Configuration.read(file: GivenFile.path(name), environment: [:]).plan
            for endpoint in plan.endpoints {
                var simulation = Simulation(endpoint, of: plan)
                let body = endpoint.readsBody ? #"{"customer":1,"sku":"a"}"# : nil
                simulation.request = try RequestArguments.read([], body: body, for: endpoint)
                for upstream in plan.upstreams.indices {
                    simulation.models[.upstream(upstream)] = UpstreamModel(latency: .constant(.milliseconds(1)))
                }
                simulation.gathers = 10
                let result = try simulation.run()
                #expect(result.complete == 10, "\(name) \(endpoint.path): \(result.calls)")
            }
        }
    }

    @Test func `the tests of the default configuration pass`() throws {
        let configuration = try Configuration.read(file: GivenFile.path("gatherd.yaml"), environment: [:])
        #expect(configuration.tests.count == 4)
        for test in configuration.tests { #expect(try test.run(on: configuration.plan).failures == [], "\(test.name)") }
    }
}
