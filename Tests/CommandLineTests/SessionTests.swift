import EventLoop
import EventLoopTesting
import Foundation
import TestSupport
import Testing

/// Articles that are a session: their commands run one after the other in one shell, as a reader would type them.
@Suite(.blocking) struct SessionTests {
    /// The ports that articles name.
    private static let ports = [8080, 8090, 9090, 9100]

    @Test(arguments: ["FailureDrill.md", "Tutorial.md"])
    func `what a session shows is what the program prints`(article: String) throws {
        let page = try Page("Sources/gatherd/gatherd.docc/" + article)
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("gatherd-session-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        // In place of those that may be taken here.
        let names = try Self.ports.map { (page: "127.0.0.1:\($0)", here: try FreeAddress().description) }
        func here(_ text: String) -> String { names.reduce(text) { $0.replacing($1.page, with: $1.here) } }
        func onPage(_ text: String) -> String { names.reduce(text) { $0.replacing($1.here, with: $1.page) } }
        for (name, text) in page.files {
            try here(text).write(to: directory.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
        var script = """
            cd "$1"; PATH="$2:$PATH"; exec 2>&1; trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
            curl() { command curl -sS "$@"; }

            """
        for command in page.commands {
            script += "printf '\\001'\n\(here(command.text))\n"
            // A person takes longer to type the next command than the service to start.
            if let log = command.text.firstMatch(of: /\ serve .* 2>([a-z]+\.log) &/)?.output.1 {
                script += "until grep -q ' serving ' \(log) 2>/dev/null; do kill -0 $! || break; sleep 0.01; done\n"
            }
        }
        let environment = ProcessInfo.processInfo.environment.merging(
            ["GATHERD_LISTEN": here("127.0.0.1:8080"), "GATHERD_ADMIN": here("127.0.0.1:9090")]) { $1 }
        let program = URL(fileURLWithPath: Program.path).deletingLastPathComponent().path
        let result = try Program.shell(script, ["bash", directory.path, program], environment: environment)
        let outputs = result.output.split(separator: "\u{1}", omittingEmptySubsequences: false).dropFirst()
        #expect(outputs.count == page.commands.count && outputs.count >= 10, "\(result)")
        for (command, output) in zip(page.commands, outputs) {
            let text = String(decoding: output.utf8.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
            let lines = onPage(text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            #expect(Page.comparable(lines) == Page.comparable(command.output), "\(command)")
        }
    }
}
