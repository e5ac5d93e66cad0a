import Foundation
import Testing

/// That the documentation says what is: each public type is listed. Whether its examples run is seen in
/// DocumentationTests.
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
