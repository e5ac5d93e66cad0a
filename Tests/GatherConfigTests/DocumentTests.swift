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
        var headings: [String: Set<String>] = [:]
        for document in documents {
            let folder = URL(fileURLWithPath: GivenFile.path(document)).deletingLastPathComponent()
            for link in try Self.links(in: GivenFile.text(document)) {
                let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                let (path, heading) = (String(parts[0]), parts.dropFirst().first)
                let file = path.isEmpty ? GivenFile.path(document) : folder.appendingPathComponent(path).path
                guard FileManager.default.fileExists(atPath: file) else {
                    Issue.record("\(document): \(path)")
                    continue
                }
                // DocC has its own way of writing them.
                guard let heading, heading.first?.isLowercase ?? false else { continue }
                if headings[file] == nil { headings[file] = try Self.anchors(in: file) }
                #expect(headings[file]?.contains(String(heading)) == true, "\(document): \(path)#\(heading)")
            }
        }
    }

    /// What a text links to, without other places of the web.
    private static func links(in text: String) -> [Substring] {
        text.utf8.split(separator: UInt8(ascii: "]")).dropFirst().compactMap { rest in
            guard rest.first == UInt8(ascii: "("), let end = rest.firstIndex(of: UInt8(ascii: ")")) else { return nil }
            let link = Substring(rest[..<end].dropFirst())
            return link.prefix { $0 != "#" }.contains(":") ? nil : link
        }
    }

    /// How the headings of a file are linked to.
    private static func anchors(in file: String) throws -> Set<String> {
        let headings = lines(of: try String(contentsOfFile: file, encoding: .utf8)).filter { $0.hasPrefix("#") }
        return Set(headings.compactMap { $0.prefixMatch(of: /#+ (.*)/).map { anchor(String($0.1)) } })
    }

    /// How a heading is linked to: GitHub's rule.
    private static func anchor(_ heading: String) -> String {
        String(
            heading.lowercased().compactMap {
                $0 == " " ? "-" : $0.isLetter || $0.isNumber || "-_".contains($0) ? $0 : nil
            })
    }

    /// The lines of a text that are not empty. Regular expressions and characters take long where all texts are read.
    private static func lines(of text: String) -> [Substring] {
        text.utf8.split(separator: UInt8(ascii: "\n")).map(Substring.init)
    }

    /// The text of all Swift files in a folder of the project, by the file's name without its ending.
    private static func sources(in folder: String) throws -> [(name: String, text: String)] {
        let folder = URL(fileURLWithPath: GivenFile.path("../\(folder)"))
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var sources: [(String, String)] = []
        for case let file as URL in files where file.pathExtension == "swift" {
            sources.append(
                (file.deletingPathExtension().lastPathComponent, try String(contentsOf: file, encoding: .utf8)))
        }
        return sources
    }

    @Test func `the types that the architecture speaks of are there, with their members`() throws {
        var (declared, members): (Set<String>, Set<String>) = ([], [])
        for (_, text) in try Self.sources(in: "Sources") {
            var last = ""
            for part in text.utf8.split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }) {
                let name = { String(Substring(part.prefix { Self.isWord($0) })) }
                switch last {
                case "class", "struct", "enum", "protocol", "actor", "typealias": declared.insert(name())
                case "var", "let", "func", "case": members.insert(name())
                default: break
                }
                last = String(Substring(part))
            }
        }
        let others: Set = ["AsyncStream", "Deque", "Task"]
        let words = try GivenFile.text("../ARCHITECTURE.md").matches(of: /`([A-Z]\w+)(?:\.(\w+))?[^`]*`/)
        #expect(words.count > 20)
        for word in words {
            let type = String(word.1)
            #expect(declared.contains(type) || others.contains(type), "\(type)")
            if let member = word.2 { #expect(members.contains(String(member)), "\(type).\(member)") }
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    @Test func `the article about unsafe code names the files that have some, and no others`() throws {
        let article = try GivenFile.text("../Sources/gatherd/gatherd.docc/UnsafeCode.md")
        let rows = article.split(separator: "\n").filter { $0.hasPrefix("| ") }
        let named = Set(
            rows.flatMap { row in
                row.split(separator: "|")[0].matches(of: /`([^`]+)`/).map { String($0.1) }
            })
        let unsafe = try Self.sources(in: "Sources").filter { $0.text.range(of: "unsafe") != nil }.filter { source in
            Self.lines(of: source.text).contains {
                $0.range(of: "unsafe") != nil && $0.prefixMatch(of: /\s*\/\//) == nil
                    && $0.firstMatch(of: /\bunsafe\b/) != nil
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
        let imported = try imports(in: "Sources")
        #expect(imported.contains("Glibc") && imported.isDisjoint(with: ["Foundation", "FoundationEssentials"]))
    }

    private func imports(in folder: String) throws -> Set<String> {
        var imported: Set<String> = []
        for (_, text) in try Self.sources(in: folder) {
            for line in Self.lines(of: text) where ["import ", "@", "public import "].contains(where: line.hasPrefix) {
                let found = line.prefixMatch(of: /(?:@\w+ )*(?:public )?import (?:var )?(\w+)/)
                if let found { imported.insert(String(found.1)) }
            }
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
            let imported = try imports(in: path ?? usual)
            #expect(!imported.isEmpty || ["JSONText", "ResponseCorpus"].contains(name), "\(name)")
            for module in imported.subtracting(system) {
                #expect(target.contains("\"\(module)\""), "\(name): \(module)")
            }
        }
    }
}
