import ArgumentParser
import GatherConfig
import Glibc

/// `gatherd init`
struct Init: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a starter configuration.",
        discussion: """
            One endpoint that calls the services you name, with comments and with tests that pass. Without --call, it asks for them on \
            the terminal. An existing file is not overwritten; - is standard output.

              gatherd init my.yaml --path '/v1/customers/{id}' --call shop=http://127.0.0.1:9100
            """)

    @Argument(help: "The file to write.", completion: .yamlFile)
    var file = "gatherd.yaml"

    @Option(
        help: ArgumentHelp(
            "A service to call, as name and address; may be repeated. The first is required for an answer.",
            valueName: "name=url"))
    var call: [String] = []

    @Option(help: "The path of the endpoint, with a parameter in braces.")
    var path: String?

    func run() throws {
        let text: String
        do {
            let (calls, path) = try answers
            let services = try calls.map { argument throws(UsageError) in try StartingConfiguration.Service(argument) }
            text = try StartingConfiguration(services, path: path).text(file: file == "-" ? "gatherd.yaml" : file)
        } catch {
            throw complain(error, of: Self.self)
        }
        if file == "-" { return print(text, terminator: "") }
        do {
            try Console.write(text, toFile: file, replaces: false)
        } catch {
            throw complain(error)
        }
        print("wrote \(file): gatherd test \(file), then gatherd serve \(file)")
    }

    /// What the options say, and for the rest what a person does.
    private var answers: (calls: [String], path: String) {
        get throws {
            let isAsked = call.isEmpty && isatty(STDIN_FILENO) == 1
            guard isAsked || !call.isEmpty else {
                throw UsageError("--call", "no service given", "write --call shop=http://127.0.0.1:9100")
            }
            let path = path ?? (isAsked ? Self.ask("Path of the endpoint", or: Self.usualPath) : Self.usualPath)
            return (isAsked ? Self.askForCalls() : call, path)
        }
    }

    private static let usualPath = "/v1/customers/{id}"

    private static func askForCalls() -> [String] {
        var calls = [ask("Service to call, as name=url", or: "shop=http://127.0.0.1:9100")]
        while case let another = ask("Another, or nothing", or: ""), !another.isEmpty { calls.append(another) }
        return calls
    }

    private static func ask(_ question: String, or usual: String) -> String {
        Console.write("\(question)\(usual.isEmpty ? "" : " [\(usual)]"): ", to: STDERR_FILENO)
        let answer = readLine() ?? ""
        return answer.isEmpty ? usual : answer
    }
}
