import GatherConfig
import Testing

@Suite struct EnvironmentTests {
    private func listen(_ text: String, _ environment: [String: String]) throws -> String {
        try read("version: 1\nserver: { listen: \"\(text)\" }\ndemo: {}\n", environment: environment).server.listen
            .description
    }

    @Test func `a variable's value takes its place`() throws {
        #expect(try listen("${HOST}:${PORT}", ["HOST": "h", "PORT": "1"]) == "h:1")
    }

    @Test func `a default stands in for a variable that is not set or empty`() throws {
        #expect(try listen("${HOST:-h}:1", [:]) == "h:1")
        #expect(try listen("${HOST:-h}:1", ["HOST": ""]) == "h:1")
        #expect(try listen("${HOST:-h}:1", ["HOST": "other"]) == "other:1")
    }

    @Test func `a variable may stand for a number, also in quotes`() throws {
        let text = "version: 1\nserver:\n  loops: ${LOOPS}\n  limits: { fields: \"${FIELDS}\" }\ndemo: {}\n"
        let server = try read(text, environment: ["LOOPS": "3", "FIELDS": "50"]).server
        #expect(server.loops == 3 && server.limits.fields == 50)
    }

    @Test func `a variable's value adds no keys`() throws {
        let text = "version: 1\nserver:\n  listen: ${X}\ndemo: {}\n"
        #expect(
            errors(in: text, environment: ["X": "h:1\n  admin: off"]) == [
                #"x.yaml:3:11: server.listen: expected an address such as 127.0.0.1:8080 or [::1]:8080, found 'h:1\n  admin: off'"#
            ])
    }

    @Test func `doubled dollars stand for the characters themselves`() throws {
        let endpoint = try readEndpoint("path: /x\ncalls: { a: { post: \"shop:/a\" } }\nresponse: \"$${{x}} $ $$\"")
        #expect(endpoint.response == .literal(Array("\"${x} $ $$\"".utf8)))
    }

    @Test(arguments: [
        ("${A", "19: server.listen: a '${' without a matching '}'; write '$${' for the characters themselves"),
        (
            "h:${1}",
            "21: server.listen: '${1}' is not a variable; write ${NAME}, ${NAME:-default} or ${file:NAME}, or '$${' for the characters themselves"
        ),
        (
            "h:${A-b}",
            "21: server.listen: the environment variable 'A-b' is not set; set it, or give a default: ${A-b:-value}"
        ),
    ])
    func `a variable that cannot be read is an error at its place`(text: String, expected: String) {
        #expect(errors(in: "version: 1\nserver: {listen: '\(text)'}\ndemo: {}\n") == ["x.yaml:2:" + expected])
    }

    @Test func `a reference to the environment is read with the file`() throws {
        let endpoint = try readEndpoint(
            "path: /x\ncalls: { a: { get: \"shop:/a/{env.TENANT}\" } }", environment: ["TENANT": "t1"])
        #expect(endpoint.calls[0].target.literal == "/a/t1")
    }

    @Test func `every address of the default configuration can be moved, so that it can be served twice`() throws {
        let environment = ["GATHERD_LISTEN": "8081", "GATHERD_ADMIN": "9091", "GATHERD_SHOP": "127.0.0.1:9101"]
        let configuration = try Configuration.read(file: GivenFile.path("gatherd.yaml"), environment: environment)
        #expect(configuration.server.listen.description == "127.0.0.1:8081")
        #expect(configuration.server.admin?.description == "127.0.0.1:9091")
        #expect(configuration.demo?.shop?.listen.description == "127.0.0.1:9101")
        #expect(configuration.plan.upstreams.map { $0.hosts.map(\.description) } == [["http://127.0.0.1:9101"]])
    }
}
