import EventLoop
import Foundation
import TestSupport
import Testing

@Suite(.blocking) struct UsageTests {
    /// Wrong arguments, what is said of them, and the command whose usage follows.
    private static let wrong: [(arguments: [String], message: String, command: String)] = [
        (["chek", "a.yaml"], "'chek' is not a command; did you mean 'check'?", "gatherd"),
        (["help", "chek"], "'chek' is not a command; did you mean 'check'?", "gatherd"),
        (
            ["zzz"],
            "'zzz' is not a command; use one of: serve, init, check, diff, import, plan, simulate, test, schema, trace, get, top, tasks, healthcheck, help",
            "gatherd"
        ),
        (["--versoin"], "'--versoin' is not an option; did you mean '--version'?", "gatherd"),
        (["serve", "--confg", "a.yaml"], "'--confg' is not an option; did you mean '--config'?", "gatherd serve"),
        (["serve", "--lisen=8080"], "'--lisen' is not an option; did you mean '--listen'?", "gatherd serve"),
        (["check", "--hlep"], "'--hlep' is not an option; did you mean '--help'?", "gatherd check"),
        (
            ["plan", "config/gatherd.yaml", "--sgv", "a"], "'--sgv' is not an option; did you mean '--svg'?",
            "gatherd plan"
        ),
        (["serve"], "no configuration given; name a file, such as config/gatherd.yaml", "gatherd serve"),
        (
            ["serve", "a.yaml", "--config", "b.yaml"], "both a file and --config are given; leave one out",
            "gatherd serve"
        ),
        (
            ["serve", "a.yaml", "--listen", "foo"],
            "The value 'foo' is invalid for '--listen <host:port>': write host:port, [v6]:port, :port or a port alone",
            "gatherd serve"
        ),
        (
            ["serve", "a.yaml", "--admin", "on"],
            "The value 'on' is invalid for '--admin <host:port>': write host:port, [v6]:port, :port or a port alone, or off",
            "gatherd serve"
        ),
        (
            ["simulate", "config/gatherd.yaml", "--rate", "10", "--concurrency", "5"],
            "--rate and --concurrency are two ways for gathers to begin; leave one out", "gatherd simulate"
        ),
        (
            ["simulate", "config/simulation.yaml", "--without", "x"], "--without", "gatherd simulate"
        ),
        (["plan", "config/gatherd.yaml", "--dot", "--svg", "-"], "--dot and --svg - both write", "gatherd plan"),
        (["check"], "Missing expected argument '<file>'", "gatherd check"),
        (["get", "http:///x"], "http:///x: cannot be requested: ", "gatherd get"),
        (["get", "h", "--repeat", "0"], "--concurrency, --timeout and --repeat are numbers above 0", "gatherd get"),
        (["init", "-"], "--call: no service given", "gatherd init"),
        (["init", "-", "--call", "a=b"], "a=b: ", "gatherd init"),
        (["init", "-", "--call", "1=http://h"], "1=http://h: '1' is not a call name", "gatherd init"),
        (["init", "-", "--call", "a=http://h", "--path", "x"], "x: the path must begin with '/'", "gatherd init"),
        (
            ["init", "-", "--call", "http://h", "--call", "http://h.b"], "h: two services have this name",
            "gatherd init"
        ),
        (["trace"], "Missing expected argument '<url>'", "gatherd trace"),
        (["trace", "ftp://h/x"], "ftp://h/x: is neither http nor https", "gatherd trace"),
        (["trace", "/v1/x"], "/v1/x: has no host; write http://host:port/path", "gatherd trace"),
        (["trace", "h", "-H", "x"], "x: is not a header field; write 'Name: value'", "gatherd trace"),
        (["tasks", "--mode", "x"], #"mode is "x"; write one of gather"#, "gatherd tasks"),
        (["tasks", "--compute", "1s", "--virtual"], "computing takes real time", "gatherd tasks"),
        (
            ["simulate", "config/gatherd.yaml", "/v1/order"], "'/v1/order': the file has no such endpoint",
            "gatherd simulate"
        ),
        (["simulate", "config/gatherd.yaml"], "ENDPOINT: the file has several endpoints", "gatherd simulate"),
        (
            ["plan", "config/gatherd.yaml", "/v1/order"], "'/v1/order': the file has no such endpoint",
            "gatherd plan"
        ),
    ]

    @Test(
        "An error in the arguments says what is meant, and how the command is used", arguments: UsageTests.wrong.indices
    )
    func errors(_ index: Int) throws {
        let (arguments, message, command) = Self.wrong[index]
        let result = try Program.run(arguments)
        #expect(result.errors.hasPrefix("Error: \(message)"), "\(result.errors)")
        #expect(result.errors.contains("\nUsage: \(command) "), "\(result.errors)")
        #expect(result.errors.hasSuffix("  See '\(command) --help' for more information.\n"), "\(result.errors)")
        #expect(result.exit == .exited(code: 64), "EX_USAGE, whoever found the error")
        #expect(result.output.isEmpty)
    }

    @Test(
        "A file that cannot be read or written, or whose content is wrong, ends the program with 1",
        arguments: [
            ["check", "nowhere.yaml"], ["simulate", "nowhere.yaml"], ["test", "nowhere.yaml"],
            ["serve", "nowhere.yaml"],
            ["plan", "config/gatherd.yaml", "/v1/customers/{id}/dashboard", "--svg", "/nowhere/out.svg"],
            ["simulate", "config/simulation.yaml", "--models", "nowhere.yaml"],
        ])
    func files(_ arguments: [String]) throws {
        let result = try Program.run(arguments)
        #expect(result.exit == .exited(code: 1), "\(result)")
        #expect(!result.errors.contains("Usage:") && !result.errors.isEmpty, "\(result.errors)")
    }

    @Test func `a dash is standard input for a configuration, and standard output for a picture`() throws {
        let check = #""$1" check - <config/gatherd.yaml && printf 'version: 1\n' | "$1" check -"#
        let checked = try Program.shell(#"cd "$2"; "# + check, ["sh", Program.path, Program.root.path])
        #expect(
            checked.output.hasSuffix("standard input: 6 endpoints with 18 calls, no problems found\n"), "\(checked)")
        #expect(checked.errors.hasPrefix("standard input"), "\(checked)")
        let drawn = try Program.run(["plan", "config/gatherd.yaml", "/v1/customers/{id}/dashboard", "--svg", "-"])
        #expect(drawn.exit == .exited(code: 0) && drawn.output.hasPrefix("<svg"), "\(drawn.errors)")
    }

    @Test func `an error in the configuration comes without the usage, which is not what was wrong`() throws {
        let result = try Program.run(["check", "nowhere.yaml"])
        #expect(result.exit == .exited(code: 1))
        #expect(result.errors.hasPrefix("nowhere.yaml: cannot be read"))
        #expect(!result.errors.contains("Usage:"))
    }

    /// All files below `config` that are configurations of gatherd.
    private static let shippedFiles: [String] = {
        let directory = Program.root.path + "/config/"
        let files = FileManager.default.enumerator(atPath: directory)?.allObjects.compactMap { $0 as? String }
        return (files ?? []).filter { file in
            let text = try? String(contentsOfFile: directory + file, encoding: .utf8)
            return file.hasSuffix(".yaml") && "\n\(text ?? "")".contains("\nversion: 1\n")
        }
    }()

    @Test("The configurations that come with gatherd are right", arguments: shippedFiles)
    func shipped(_ file: String) throws {
        // What has no default, because the platform sets it.
        let variables = [
            "GATHERD_LISTEN": ":8080", "GATHERD_ADMIN": ":9090", "CUSTOMERS": "http://127.0.0.1:8081",
            "ORDERS": "http://127.0.0.1:8082", "BENCH_TLS_UPSTREAM": "https://127.0.0.1:8443",
            "BENCH_CA": "/etc/ssl/certs/ca-certificates.crt",
        ]
        let result = try Program.shell(
            #"cd "$1" && exec "$2" check "config/$3""#, ["sh", Program.root.path, Program.path, file],
            environment: variables)
        #expect(result.exit == .exited(code: 0), "\(result)")
    }

    @Test("A warning fails a check, unless warnings are allowed", arguments: [[], ["--allow-warnings"]])
    func warnings(_ options: [String]) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "gatherd-warnings-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "warned.yaml")
        // What `expose` adds is told to no client.
        let text = """
            version: 1
            server: { disclose: nothing }
            upstreams: { shop: { hosts: ["http://127.0.0.1:9100"] } }
            endpoints: [{ path: /a, expose: outcomes, calls: { a: { get: "shop:/a" } } }]
            """
        try Data(text.utf8).write(to: file)
        let result = try Program.run(["check", file.path] + options)
        #expect(result.output.contains("warned.yaml:4:"), "\(result)")
        #expect(result.exit == .exited(code: options.isEmpty ? 1 : 0))
    }

    @Test func `a plan without an endpoint lists them`() throws {
        let result = try Program.run(["plan", "config/gatherd.yaml"])
        #expect(result.exit == .exited(code: 0))
        let lines = result.output.split(separator: "\n")
        #expect(lines.count == 6)
        #expect(lines.first?.hasPrefix("GET /v1/customers/{id}/dashboard: 6 calls, ") ?? false)
    }

    @Test("Completions complete files and words", arguments: ["bash", "zsh", "fish"])
    func completions(_ shell: String) throws {
        let script = try Program.run(["--generate-completion-script", shell]).output
        for word in ["yaml", "as-completed", "json", "notice", "hedge", "simulate", "---completion"] {
            #expect(script.contains(word), "\(word)")
        }
    }

    @Test func `an endpoint is completed from the file before it`() throws {
        let words = ["plan", "--", "positional@1", "3", "0", "gatherd", "plan", "config/gatherd.yaml", ""]
        let result = try Program.run(["---completion"] + words)
        #expect(result.output.contains("/v1/customers/{id}/dashboard"), "\(result)")
    }
}
