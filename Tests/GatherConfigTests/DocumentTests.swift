import Foundation
import Testing

/// That the documents of the project say what is there.
@Suite struct DocumentTests {
    @Test(arguments: ["../README.md", "../ARCHITECTURE.md", "../CONTRIBUTING.md", "README.md", "SIMULATION.md"])
    func `a link to a file of the project leads to one`(document: String) throws {
        let path = GivenFile.path(document)
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        let links = try GivenFile.text(document).matches(of: /\]\(([^)#:]+)(#[^)]*)?\)/).map { String($0.1) }
        #expect(!links.isEmpty)
        for link in links {
            #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent(link).path), "\(link)")
        }
    }

    @Test func `the architecture says where each key of server, upstreams, endpoints and calls has its effect`() throws
    {
        let architecture = try GivenFile.text("../ARCHITECTURE.md")
        let table = try #require(architecture.split(separator: "Where a key has its effect:").last)
            .prefix { $0 != "#" }
        let unknownKeys = """
            version: 1
            server: { qqqqqqqqqqqqqqqqqqqq: 1, limits: { qqqqqqqqqqqqqqqqqqqq: 1 }, timeouts: { qqqqqqqqqqqqqqqqqqqq: 1 } }
            upstreams: { a: { hosts: [http://h], qqqqqqqqqqqqqqqqqqqq: 1 } }
            endpoints:
              - path: /x
                qqqqqqqqqqqqqqqqqqqq: 1
                calls: { a: { get: "a:/", qqqqqqqqqqqqqqqqqqqq: 1 } }
            """
        let found = errors(in: unknownKeys)
        #expect(found.count == 6)
        for error in found {
            let keys = try #require(error.split(separator: "known are: ").last).split(separator: ", ")
            let section =
                error.contains(" server.limits.") ? "limits." : error.contains(" server.timeouts.") ? "timeouts." : ""
            // What these hold stands in the table by itself.
            for key in keys where !["limits", "timeouts"].contains(key) {
                #expect(table.contains("`\(section)\(key)`"), "\(section)\(key)")
            }
        }
    }
}
