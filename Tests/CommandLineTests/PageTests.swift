import EventLoop
import EventLoopTesting
import Foundation
import TestSupport
import Testing

/// What the pages show, run as a reader would.
@Suite(.blocking) struct PageTests {
    /// Where commands run: a directory with the configurations that the pages speak of.
    private struct Place: Sendable {
        let directory: URL
        /// What the pages have, and what stands in its place here.
        let names: [(page: String, here: String)]

        func here(_ text: String) -> String { names.reduce(text) { $0.replacing($1.page, with: $1.here) } }
        func onPage(_ text: String) -> String { names.reduce(text) { $0.replacing($1.here, with: $1.page) } }
    }

    /// What a command prints here, with the names of the pages.
    private static func output(of command: String, in place: Place, on loop: isolated EventLoop) async throws
        -> [String]
    {
        var line = place.here(command).replacing("curl ", with: "curl -s ")
            .replacing(/(^| )(\.build\/release\/)?gatherd (?=[a-z])/) { "\($0.output.1)\(Program.path) " }
        // The pages show a terminal, on which the last picture stays.
        let isScreen = line.contains(" tasks ") && command.hasPrefix(".build")
        if isScreen { line = "COLUMNS=80 script -qec '\(line)' /dev/null" }
        // "With the timeout of `offers` raised to 800 ms".
        let directory = line.contains(" test ") ? "raised" : "."
        let result = try await Program.shell(
            #"cd "$1" && eval "$2" 2>&1"#, ["sh", place.directory.appendingPathComponent(directory).path, line],
            on: loop)
        // Not as characters, of which CR LF is one.
        var text = String(decoding: result.output.utf8.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
        if isScreen, let frame = text.ranges(of: /\e\[[0-9]+A/).last { text = String(text[frame.upperBound...]) }
        text.replace(/\e\[[KJ]/, with: "")
        return place.onPage(text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// What a command prints that is not what its page says; nil if it prints the same.
    private static func difference(_ command: Page.Command, in place: Place, on loop: isolated EventLoop) async throws
        -> String?
    {
        let expected = Page.comparable(command.output)
        var found: [String] = []
        // The pages are of a machine that has nothing else to do: on a busy one a call may miss its timeout.
        for _ in 1...5 {
            found = Page.comparable(try await output(of: command.text, in: place, on: loop))
            if found == expected { return nil }
        }
        let first = zip(expected, found).first { $0 != $1 }
        return """
            \(command)
              the page says  \(first?.0 ?? "\(expected.count) lines")
              it prints      \(first?.1 ?? "\(found.count) lines")
            """
    }

    private static let articles = "Sources/gatherd/gatherd.docc/"

    /// The article that simulates a million calls is for an optimised build.
    private static let pages: [String] = {
        let pages = [
            "README.md", "config/README.md", articles + "LearningConcurrency.md", articles + "Operating.md",
            "Sources/EventLoop/EventLoop.docc/WhyConcurrentWaitingCostsTheMaximum.md",
        ]
        #if DEBUG
            return pages
        #else
            return pages + ["config/SIMULATION.md"]
        #endif
    }()

    @Test func `what a page shows is what the program prints`() throws {
        let pages = try Self.pages.map { try Page($0) }
        for (page, file) in zip(pages, Self.pages) { #expect(!page.commands.isEmpty, "\(file)") }
        let own = try #require(pages[0].yaml(below: "## A configuration of your own"))
        // For the shop, whose address the configuration has to name.
        let shop = try FreeAddress().description
        let given = try String(contentsOf: Program.root.appendingPathComponent("config/gatherd.yaml"), encoding: .utf8)
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("gatherd-pages-\(UUID())")
        defer { try? FileManager.default.removeItem(at: directory) }
        try Self.write(given, own: own, into: directory)

        let environment = ProcessInfo.processInfo.environment.merging(["GATHERD_SHOP": shop]) { $1 }
        let free = ["--listen", "0", "--admin", "0"]
        try ServingProgram.run(given, free, environment: environment) { program, loop in
            let (port, adminPort) = (program.port, program.adminPort)
            try await ServingProgram.run(own.replacing("127.0.0.1:9100", with: shop), free, on: loop) { other, loop in
                let place = Place(
                    directory: directory,
                    names: [
                        ("127.0.0.1:8080", "127.0.0.1:\(port)"), ("127.0.0.1:8081", "127.0.0.1:\(other.port)"),
                        ("127.0.0.1:9100", shop),
                        ("127.0.0.1:9090", "127.0.0.1:\(adminPort)"),
                    ])
                let differences = try await Self.differences(of: pages.flatMap(\.commands), in: place, on: loop)
                for difference in differences { Issue.record("\(difference)") }
            }
        }
    }

    /// Writes the files that the pages speak of.
    private static func write(_ given: String, own: String, into directory: URL) throws {
        for (file, text) in [
            ("config/gatherd.yaml", given),
            ("raised/config/gatherd.yaml", given.replacing("timeout: 80ms", with: "timeout: 800ms")),
            ("my.yaml", own), ("wrong.yaml", own.replacing("{customer.segment}", with: "{custmer.segment}")),
        ] {
            let url = directory.appendingPathComponent(file)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: url, atomically: true, encoding: .utf8)
        }
        let simulation = "config/simulation.yaml"
        try FileManager.default.copyItem(
            at: Program.root.appendingPathComponent(simulation), to: directory.appendingPathComponent(simulation))
    }

    private static func differences(of all: [Page.Command], in place: Place, on loop: isolated EventLoop) async throws
        -> [String]
    {
        // A service that a page starts is one of those that run. Tasks that sleep disturb no one; one that computes in
        // the service holds a loop, which sheds what others ask of it.
        let commands = all.filter { !$0.text.contains(" serve ") }
        let computing = commands.filter { $0.text.contains("&compute=") }
        let sleeping = commands.filter { $0.text.contains("tasks") && !$0.text.contains("&compute=") }
        return try await loop.withTaskScope { scope in
            let sleepers = sleeping.map { command in
                loop.spawn(in: scope) { try await difference(command, in: place, on: loop) }
            }
            var differences: [String?] = []
            for command in commands where !command.text.contains("tasks") {
                differences.append(try await difference(command, in: place, on: loop))
            }
            for sleeper in sleepers { differences.append(try await sleeper.value) }
            for command in computing { differences.append(try await difference(command, in: place, on: loop)) }
            return differences.compactMap { $0 }
        }
    }
}
