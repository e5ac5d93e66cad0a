import Foundation
import Testing

/// That the documents of the project say what is there.
@Suite struct DocumentTests {
    /// The documents of the project, as paths from `config`.
    private static var documents: [String] {
        get throws {
            let modules = try FileManager.default.contentsOfDirectory(atPath: GivenFile.path("../Sources"))
            let folders = ["..", "."] + modules.map { "../Sources/\($0)/\($0).docc" }
            return folders.flatMap { folder in
                let files = try? FileManager.default.contentsOfDirectory(atPath: GivenFile.path(folder))
                return (files ?? []).filter { $0.hasSuffix(".md") }.map { "\(folder)/\($0)" }
            }
        }
    }

    @Test func `a link to a file of the project leads to one, and one to a heading to that`() throws {
        let documents = try Self.documents
        #expect(documents.count >= 20)
        for document in documents {
            let folder = URL(fileURLWithPath: GivenFile.path(document)).deletingLastPathComponent()
            for link in try GivenFile.text(document).matches(of: /\]\(([^)#:]*)(?:#([^)]*))?\)/) {
                let (path, heading) = (String(link.1), link.2)
                let file = path.isEmpty ? GivenFile.path(document) : folder.appendingPathComponent(path).path
                guard FileManager.default.fileExists(atPath: file) else {
                    Issue.record("\(document): \(path)")
                    continue
                }
                // DocC has its own way of writing them.
                guard let heading, heading.first?.isLowercase ?? false else { continue }
                let headings = try String(contentsOf: URL(fileURLWithPath: file), encoding: .utf8)
                    .matches(of: /(?m)^#+ (.*)$/).map { Self.anchor(String($0.1)) }
                #expect(headings.contains(String(heading)), "\(document): \(path)#\(heading)")
            }
        }
    }

    /// How a heading is linked to: GitHub's rule.
    private static func anchor(_ heading: String) -> String {
        String(
            heading.lowercased().compactMap {
                $0 == " " ? "-" : $0.isLetter || $0.isNumber || "-_".contains($0) ? $0 : nil
            })
    }

    /// The text of all Swift files, by the file's name without its ending.
    private static func sources() throws -> [(name: String, text: String)] {
        let folder = URL(fileURLWithPath: GivenFile.path("../Sources"))
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var sources: [(String, String)] = []
        for case let file as URL in files where file.pathExtension == "swift" {
            sources.append(
                (file.deletingPathExtension().lastPathComponent, try String(contentsOf: file, encoding: .utf8)))
        }
        return sources
    }

    @Test func `the types that the architecture speaks of are there, with their members`() throws {
        let sources = try Self.sources().map(\.text).joined(separator: "\n")
        let declared = Set(
            sources.matches(of: /\b(?:class|struct|enum|protocol|actor|typealias) (\w+)/).map { String($0.1) })
        let members = Set(sources.matches(of: /\b(?:var|let|func|case) (\w+)/).map { String($0.1) })
        let others: Set = ["AsyncStream", "Deque", "Task"]
        let words = try GivenFile.text("../ARCHITECTURE.md").matches(of: /`([A-Z]\w+)(?:\.(\w+))?[^`]*`/)
        #expect(words.count > 20)
        for word in words {
            let type = String(word.1)
            #expect(declared.contains(type) || others.contains(type), "\(type)")
            if let member = word.2 { #expect(members.contains(String(member)), "\(type).\(member)") }
        }
    }

    @Test func `the article about unsafe code names the files that have some, and no others`() throws {
        let article = try GivenFile.text("../Sources/gatherd/gatherd.docc/UnsafeCode.md")
        let rows = article.split(separator: "\n").filter { $0.hasPrefix("| ") }
        let named = Set(
            rows.flatMap { row in
                row.split(separator: "|")[0].matches(of: /`([^`]+)`/).map { String($0.1) }
            })
        let unsafe = try Self.sources().filter { source in
            source.text.split(separator: "\n").contains {
                $0.prefixMatch(of: /\s*\/\//) == nil && $0.firstMatch(of: /\bunsafe\b/) != nil
            }
        }
        #expect(Set(unsafe.map(\.name)).symmetricDifference(named).sorted() == [])
    }

    @Test func `the reference says where each key of server, upstreams, endpoints and calls has its effect`() throws {
        let reference = try GivenFile.text("README.md")
        let table = try #require(reference.split(separator: "## Where a key has its effect").last)
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
            let keys = try #require(error.split(separator: "use one of: ").last).split(separator: ", ")
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
            let imports = text.matches(of: /(?m)^(?:@\w+ )*(?:public )?import (?:var )?(\w+)/)
            imported.formUnion(imports.map { String($0.1) })
        }
        return imported
    }

    /// A target that imports a module which its entry does not name is not built again when the module changes: what it
    /// was compiled to then writes past objects that have grown.
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
