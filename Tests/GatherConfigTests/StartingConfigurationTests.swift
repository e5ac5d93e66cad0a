import GatherConfig
import Rehearsal
import Testing

/// What `gatherd init` writes.
@Suite struct StartingConfigurationTests {
    @Test(
        "It is read without errors or warnings, and its tests pass",
        arguments: [
            (["shop=http://127.0.0.1:9100"], "/v1/customers/{id}"), (["http://shop.internal:8080"], "/"),
            (["https://a.example", "https://b.example/v2", "c=http://10.0.0.1"], "/v1/{a}/x/{b}"),
            (["http://127.0.0.1:1"], "/files/{name...}"),
        ])
    func isGood(services: [String], path: String) throws {
        let text = try StartingConfiguration(
            services.map { argument throws(UsageError) in try StartingConfiguration.Service(argument) }, path: path
        ).text(file: "my.yaml")
        let configuration = try Configuration.read(text: text, file: "my.yaml")
        #expect(configuration.warnings == [])
        #expect(configuration.plan.upstreams.count == services.count)
        #expect(configuration.tests.count >= 2)
        for test in configuration.tests { #expect(try test.run(on: configuration.plan).failures.isEmpty, "\(text)") }
    }
}
