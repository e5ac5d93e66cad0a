import Foundation
import Testing

/// That the documentation says what is: each public type is listed, each example is one that runs.
struct ArticleTests {
    @Test func `every public type stands in the list of topics`() throws {
        let topics = try Self.text("Sources/EventLoop/EventLoop.docc/EventLoop.md")
        let types = try Self.sources().matches(of: /(?m)^public (?:final )?(?:class|struct|enum|protocol|actor) (\w+)/)
        #expect(types.count >= 39)
        for type in types {
            let name = type.1 == "EventLoop" ? "EventLoop/EventLoop" : type.1
            #expect(topics.contains("\n- ``\(name)``\n"), "\(type.1) is no topic")
        }
    }

    @Test func `every example in the articles is one that runs`() throws {
        let examples = Set(Self.examples(try Self.text("Tests/EventLoopTests/ExampleTests.swift")))
        var shown: Set<String> = []
        for article in ["EventLoop.md", "ComingFromAsyncio.md"] {
            let text = try Self.text("Sources/EventLoop/EventLoop.docc/" + article)
            let blocks = text.components(separatedBy: "```swift\n").dropFirst().compactMap {
                $0.components(separatedBy: "```").first
            }
            #expect(!blocks.isEmpty)
            for block in blocks {
                #expect(examples.contains(block), "no example of ExampleTests is:\n\(block)")
                shown.insert(block)
            }
        }
        #expect(examples.subtracting(shown) == [])
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

    private static func sources() throws -> String { try swift(in: "Sources/EventLoop") }

    /// The text of all Swift files below a folder.
    private static func swift(in folder: String) throws -> String {
        let folder = root.appendingPathComponent(folder)
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
        return try files.map { try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8) }
            .joined(separator: "\n")
    }
}
