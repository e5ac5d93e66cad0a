import Foundation
import Testing

/// That the documentation of the libraries says what is: each example is one that runs, and each library has a page
/// that begins with one.
struct ArticleTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    private static func blocks(_ article: String) throws -> [String] {
        try text(article).components(separatedBy: "```swift\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
    }

    private static var libraries: [String] {
        get throws {
            try text("Package.swift").matches(of: /\.library\(name: "(\w+)"/).map { String($0.1) }
        }
    }

    @Test func `the page of each library begins with an example`() throws {
        let libraries = try Self.libraries
        #expect(libraries.count >= 8)
        for library in libraries {
            let page = try Self.text("Sources/\(library)/\(library).docc/\(library).md")
            #expect(page.hasPrefix("# ``\(library)``\n"))
            let beginning = page.prefix(1200)
            #expect(beginning.contains("```swift\n"), "\(library)")
        }
    }

    @Test func `every example in the articles is one that runs`() throws {
        var examples: Set<String> = []
        for folder in ["Tests/EventLoopTests", "Tests/DocumentationTests"] {
            for file in try FileManager.default.contentsOfDirectory(
                atPath: Self.root.appendingPathComponent(folder).path)
            where file.contains("Example") {
                examples.formUnion(Self.examples(try Self.text("\(folder)/\(file)")))
            }
        }
        var shown: Set<String> = []
        let pages = try Self.libraries.map { "\($0)/\($0).docc/\($0).md" }
        for page in pages + ["EventLoop/EventLoop.docc/ComingFromAsyncio.md"] {
            for block in try Self.blocks("Sources/" + page) {
                #expect(examples.contains(block), "\(page): no example is:\n\(block)")
                shown.insert(block)
            }
        }
        #expect(examples.subtracting(shown) == [])
    }

    @Test func `the files that pages link to, and the scripts that they name, are there`() throws {
        let manager = FileManager.default
        var pages = try manager.contentsOfDirectory(atPath: Self.root.path)
        for folder in ["config", "Sources"] {
            let below = try manager.subpathsOfDirectory(atPath: Self.root.appendingPathComponent(folder).path)
            pages += below.map { "\(folder)/\($0)" }
        }
        pages = pages.filter { $0.hasSuffix(".md") }
        #expect(pages.count >= 25)
        for page in pages {
            let text = try Self.text(page)
            let folder = Self.root.appendingPathComponent(page).deletingLastPathComponent()
            let links = text.matches(of: /\]\(([^)#:\s]+)(?:#[^)]*)?\)/).map {
                folder.appendingPathComponent(String($0.1)).standardized.path
            }
            let scripts = text.matches(of: /(?:^|[\s`(])(scripts\/[a-z-]+)/).map {
                Self.root.appendingPathComponent(String($0.1)).path
            }
            for file in links + scripts { #expect(manager.fileExists(atPath: file), "\(page)") }
        }
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
}
