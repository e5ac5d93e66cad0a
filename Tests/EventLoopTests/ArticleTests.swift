import Foundation
import Testing

/// That the documentation says what is: each behaviour that it lists has its test, each example is one that runs.
struct ArticleTests {
    @Test func `every behaviour in the tables has a test of that name`() throws {
        let article = try Self.text("Sources/EventLoop/EventLoop.docc/ComingFromAsyncio.md")
        let section = try #require(
            article.components(separatedBy: "\n## Behaviours\n").last?.components(separatedBy: "\n## ").first)
        let tests = try Self.tests()
        var header: [String]?
        var rows = 0
        for line in section.components(separatedBy: "\n") {
            guard line.hasPrefix("|") else {
                header = nil
                continue
            }
            guard !line.hasPrefix("|---") else { continue }
            let cells = line.dropFirst(2).dropLast(2).components(separatedBy: " | ")
            guard let columns = header else {
                header = cells
                continue
            }
            rows += 1
            guard let column = columns.firstIndex(of: "test"), cells.count == columns.count else {
                Issue.record("a row has \(columns.count) cells, one of them its test: \(line)")
                continue
            }
            #expect(cells.allSatisfy { !$0.isEmpty }, "an empty cell: \(line)")
            #expect(tests.contains("func \(cells[column])("), "no test is called \(cells[column])")
        }
        #expect(rows >= 81)
    }

    @Test func `every public type stands in the list of topics`() throws {
        let topics = try Self.text("Sources/EventLoop/EventLoop.docc/EventLoop.md")
        let types = try Self.sources().matches(of: /(?m)^public (?:final )?(?:class|struct|enum|protocol|actor) (\w+)/)
        #expect(types.count >= 39)
        for type in types {
            let name = type.1 == "EventLoop" ? "EventLoop/EventLoop" : type.1
            #expect(topics.contains("\n- ``\(name)``\n"), "\(type.1) is no topic")
        }
    }

    @Test func `every example in the article is one that runs`() throws {
        let article = try Self.text("Sources/EventLoop/EventLoop.docc/ComingFromAsyncio.md")
        let examples = Self.examples(try Self.text("Tests/EventLoopTests/ExampleTests.swift"))
        #expect(examples.count >= 10)
        for example in examples {
            #expect(article.contains("```swift\n\(example)```"), "the article has another:\n\(example)")
        }
        #expect(article.components(separatedBy: "```swift").count - 1 == examples.count)
    }

    /// The lines between `// example:` and `// end`, without their indentation.
    private static func examples(_ source: String) -> [String] {
        var examples: [String] = []
        var current: (indentation: Int, text: String)?
        for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
            let word = line.drop { $0 == " " }
            if word.hasPrefix("// example:") {
                current = (line.count - word.count, "")
            } else if word == "// end", let example = current {
                examples.append(example.text)
                current = nil
            } else if let example = current {
                current?.text += line.dropFirst(example.indentation) + "\n"
            }
        }
        return examples
    }

    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    private static func tests() throws -> String { try swift(in: "Tests/EventLoopTests") }

    private static func sources() throws -> String { try swift(in: "Sources/EventLoop") }

    /// The text of all Swift files below a folder.
    private static func swift(in folder: String) throws -> String {
        let folder = root.appendingPathComponent(folder)
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
        return try files.map { try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8) }
            .joined(separator: "\n")
    }
}
