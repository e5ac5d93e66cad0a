import GatherConfig
import Testing

@Suite struct WarningTests {
    @Test func `a warning has a form without the word, for a log that says it`() throws {
        let text = """
            version: 1
            upstreams: { spare: { hosts: [http://127.0.0.1:9200] } }
            demo: {}
            """
        let warning = try #require(try read(text).warnings.first)
        #expect(warning.description.hasPrefix("x.yaml:2:14: warning: upstreams.spare: no call"))
        #expect(warning.message.hasPrefix("x.yaml:2:14: upstreams.spare: no call"))
    }
}
