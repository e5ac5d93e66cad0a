import Foundation
import Testing

/// That the documentation says what is: each behaviour that it lists has its test, each example is one that runs.
struct ArticleTests {
    @Test func `every behaviour in the table has a test of that name`() throws {
        let article = try Self.text("Sources/EventLoop/EventLoop.docc/ComingFromAsyncio.md")
        let table = try #require(
            article.components(separatedBy: "## Behaviours").last?.components(separatedBy: "## ").first)
        let rows = table.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst()
        #expect(rows.count >= 45)
        let tests = try Self.tests()
        for row in rows {
            let cells = row.components(separatedBy: " | ")
            guard cells.count == 4 else {
                Issue.record("a row has four cells: \(row)")
                continue
            }
            #expect(tests.contains("func \(cells[2])("), "no test is called \(cells[2])")
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

    private static func tests() throws -> String {
        let folder = root.appendingPathComponent("Tests/EventLoopTests")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try files.filter { $0.pathExtension == "swift" }
            .map { try String(contentsOf: $0, encoding: .utf8) }.joined(separator: "\n")
    }
}
