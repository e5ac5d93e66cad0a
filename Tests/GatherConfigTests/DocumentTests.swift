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

    /// It is two thirds of a program that has it linked in.
    @Test func `no source imports Foundation`() throws {
        let imported = try imports(under: URL(fileURLWithPath: GivenFile.path("../Sources")))
        #expect(imported.contains("Glibc") && imported.isDisjoint(with: ["Foundation", "FoundationEssentials"]))
    }

    private func imports(under folder: URL) throws -> Set<String> {
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var imported: Set<String> = []
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            imported.formUnion(text.matches(of: /(?m)^(?:@\w+ )*(?:public )?import (\w+)/).map { String($0.1) })
        }
        return imported
    }

    /// A target that imports a module which its entry does not name is not built again when the module changes: what it was compiled
    /// to then writes past objects that have grown.
    @Test func `targets name the modules that they import`() throws {
        let system: Set = ["Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Synchronization", "Testing"]
        let package = try GivenFile.text("../Package.swift")
        let targets = package.split(separator: /\.(?:target|testTarget|executableTarget)\(/).dropFirst()
        #expect(targets.count > 20)
        for target in targets {
            let name = try #require(target.firstMatch(of: /name: "(\w+)"/)).1
            let path = target.firstMatch(of: /path: "([^"]+)"/).map { String($0.1) }
            let usual = "\(name.hasSuffix("Tests") ? "Tests" : "Sources")/\(name)"
            let imported = try imports(under: URL(fileURLWithPath: GivenFile.path("../\(path ?? usual)")))
            #expect(!imported.isEmpty || ["JSONText", "ResponseCorpus"].contains(name), "\(name)")
            for module in imported.subtracting(system) {
                #expect(target.contains("\"\(module)\""), "\(name): \(module)")
            }
        }
    }
}
