import Gather

/// A configuration to start from: one endpoint that calls some services, with comments on what to change, and tests
/// that pass.
public struct StartingConfiguration {
    /// A service that is called.
    public struct Service: Sendable {
        let name: String
        let origin: Origin

        /// - Parameter argument: `NAME=URL`, or a URL alone, which is named after the first label of its host.
        public init(_ argument: String) throws(UsageError) {
            let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
            let url = parts.last ?? ""
            do throws(TemplateError) {
                origin = try Origin(url)
            } catch {
                throw UsageError(argument, error.problem, error.remedy ?? "write it as in shop=http://127.0.0.1:9100")
            }
            let host = url.split(separator: "/").dropFirst().first?.split(separator: ":").first ?? ""
            let word = String(host.split(separator: ".").first ?? "")
            name = parts.count == 2 ? parts[0] : Name.isValid(word) ? word : "backend"
            guard Name.isValid(name), !ReferenceScope.reservedNames.contains(name) else {
                throw UsageError(argument, "\(quoted(name)) is not a call name", Name.rule)
            }
        }
    }

    private let services: [Service]
    private let path: RoutePath

    /// - Parameter path: the endpoint's, such as `/v1/customers/{id}`.
    public init(_ services: [Service], path: String) throws(UsageError) {
        self.services = services
        do throws(TemplateError) {
            self.path = try RoutePath(path)
        } catch {
            throw UsageError(path, error.problem, error.remedy ?? "write it as in /v1/customers/{id}")
        }
        for (index, service) in services.enumerated()
        where services[..<index].contains(where: { $0.name == service.name }) {
            throw UsageError(service.name, "two services have this name", "give one of them another name, as NAME=URL")
        }
    }

    /// The text of the file.
    /// - Parameter file: the name of the file, for the commands in its comments.
    public func text(file: String) -> String {
        let first = services[0].name
        let others = services.dropFirst()
        let upstreams = services.map { service in
            """
              \(service.name):
                hosts: ["\(service.origin)"]     # several: each call goes to one of them
                timeout: 1s                # of one attempt
                retry: {}                  # retries calls that are safe to repeat, within a budget
                # breaker: {}              # stops calling a service that fails too often
            """
        }
        let calls = others.map { service in
            """
                  \(service.name):
                    get: "\(service.name):\(target)"
                    required: false        # without it there is still an answer,
                    on_error: null         # with this in its place
            """
        }
        let second = """
                  # A call waits for those that it refers to; others run at once. Remove the # of the next line to try:
                  # orders: { get: "\(first):/orders?customer={\(first).id}", required: false, on_error: [] }
            """
        return """
            # yaml-language-server: $schema=gatherd.schema.json
            # An editor that reads the line above completes and checks this file: gatherd schema >gatherd.schema.json
            #
            #   gatherd check \(file)      what is wrong with it
            #   gatherd test \(file)       runs the tests below, without the services
            #   gatherd serve \(file)      curl -i http://127.0.0.1:8080\(path { _ in "1" })
            version: 1

            server:
              listen: "${GATHERD_LISTEN:-127.0.0.1:8080}"    # :8080 is every address
              admin: "${GATHERD_ADMIN:-127.0.0.1:9090}"      # /healthz, /readyz, /metrics: not for clients
              # timeouts: { lame_duck: 5s }    # behind a load balancer: the time that it takes to notice a stop

            upstreams:
            \(upstreams.joined(separator: "\n"))

            endpoints:
              - path: "\(path.text)"
                deadline: 2s                   # for all calls together
                calls:
                  \(first): { get: "\(first):\(target)" }
            \((calls + (others.isEmpty ? [second] : [])).joined(separator: "\n"))
                tests:
            \(tests.joined(separator: "\n"))

            """
    }

    // MARK: Parts

    /// The target of each call: the endpoint's own path.
    private var target: String { path { "{path.\($0)}" } }

    /// The path with a value for each parameter.
    private func path(with value: (String) -> String) -> String {
        path.parameters.reduce(path.text) { text, name in
            text.replacing("{\(name)}", with: value(name)).replacing("{\(name)...}", with: value(name))
        }
    }

    private var tests: [String] {
        let first = services[0].name
        let replies = services.map { "\($0.name): { body: { id: 1 } }" }
        let whole = services.map { "\($0.name): { id: 1 }" }.joined(separator: ", ")
        var tests = [
            """
                  - name: the answer has what each service says
                    calls: { \(replies.joined(separator: ", ")) }
                    expect: { status: 200, complete: true, body_includes: { \(whole) } }
            """,
            """
                  - name: without \(first) there is no answer
                    calls: { \((["\(first): { status: 500 }"] + replies.dropFirst()).joined(separator: ", ")) }
                    expect: { status: 502 }
            """,
        ]
        if let other = services.dropFirst().first {
            let rest = [replies[0], "\(other.name): { unreachable: true }"] + replies.dropFirst(2)
            tests.append(
                """
                      - name: without \(other.name) there still is
                        calls: { \(rest.joined(separator: ", ")) }
                        expect: { status: 200, complete: false, body_includes: { \(other.name): null } }
                """)
        }
        return tests
    }
}
