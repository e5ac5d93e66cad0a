import Foundation
import GatherConfig
import Testing

/// Configurations of several files.
@Suite struct IncludeTests {
    /// Reads a configuration that is in a folder with other files.
    private func read(_ files: [String: String], links: [String: String] = [:]) throws -> Configuration {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gatherd-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files {
            let file = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        for (name, target) in links {
            try FileManager.default.createSymbolicLink(
                atPath: folder.appendingPathComponent(name).path, withDestinationPath: target)
        }
        do {
            return try Configuration.read(file: folder.path + "/main.yaml", environment: ["PORT": "80"])
        } catch {
            throw Failure(messages: error.diagnostics.map { $0.description.replacing(folder.path + "/", with: "") })
        }
    }

    private struct Failure: Error { let messages: [String] }

    private func errors(_ files: [String: String], links: [String: String] = [:]) -> [String] {
        do {
            _ = try read(files, links: links)
            return []
        } catch let failure as Failure {
            return failure.messages
        } catch {
            return ["\(error)"]
        }
    }

    private static let shop = """
        upstreams: { shop: { hosts: ["http://shop:${PORT}"] } }
        endpoints: [{ path: /shop, calls: { a: { get: "shop:/a" } } }]
        """

    @Test func `upstreams and endpoints of all files are one plan`() throws {
        let configuration = try read([
            "main.yaml": """
            version: 1
            include: [shop.yaml, parts/orders.yaml]
            defaults: { calls: { timeout: 70ms } }
            upstreams: { own: { hosts: [http://own] } }
            endpoints: [{ path: /own, calls: { a: { get: "own:/a" }, b: { get: "shop:/b" } } }]
            """,
            "shop.yaml": Self.shop,
            "parts/orders.yaml": "version: 1\ninclude: [more.yaml]\n",
            "parts/more.yaml": #"endpoints: [{ path: /more, calls: { a: { get: "shop:/a" } } }]"#,
        ])
        #expect(configuration.plan.endpoints.map(\.path) == ["/own", "/shop", "/more"])
        #expect(configuration.plan.upstreams.map(\.name) == ["own", "shop"])
        #expect(configuration.plan.upstreams[1].hosts.map(\.description) == ["http://shop:80"])
        #expect(configuration.plan.endpoints[2].calls[0].timeout == .milliseconds(70))
        #expect(
            configuration.includedFiles.map { $0.split(separator: "/").last } == [
                "shop.yaml", "orders.yaml", "more.yaml",
            ])
        #expect(configuration.warnings.isEmpty)
    }

    @Test func `a message has the file and the place where it belongs`() {
        let messages = errors([
            "main.yaml": "version: 1\ninclude: [a.yaml, b.yaml]\nendpoints: [{ path: /x, calls: {} }]\n",
            "a.yaml": "upstreams:\n  up: { hosts: [http://a], timeout: fast }\nserver: {}\n",
            "b.yaml":
                "upstreams:\n  up: { hosts: [http://b] }\nendpoints:\n  - { path: /x, calls: { c: { get: \"up:/{query}\" } } }\n",
        ])
        #expect(
            messages == [
                "main.yaml:3:32: endpoints[0].calls: an endpoint needs at least one call; add one",
                "a.yaml:2:37: upstreams.up.timeout: expected a duration such as 300ms, found 'fast'",
                "a.yaml:3:1: server: unknown key 'server'; use one of: version, include, upstreams, endpoints",
                "b.yaml:2:3: upstreams.up: the upstream 'up' is declared in a.yaml, line 2; keep one of them, or give one another name",
                "b.yaml:4:13: endpoints[0].path: endpoints[0] in main.yaml already answers GET /x; change the path or the method, or remove one",
                "b.yaml:4:42: endpoints[0].calls.c.get: 'query' needs one name after it; write {query.name}",
            ], "\(messages.joined(separator: "\n"))")
    }

    @Test func `files that include each other are named`() {
        #expect(
            errors([
                "main.yaml": "version: 1\ninclude: [a.yaml]\ndemo: {}\n", "a.yaml": "include: [b.yaml]\n",
                "b.yaml": "include: [a.yaml]\n",
            ]) == [
                "b.yaml:1:11: include[0]: files include each other: a.yaml → b.yaml → a.yaml; remove one of these includes"
            ])
        #expect(
            errors(["main.yaml": "version: 1\ninclude: [main.yaml]\ndemo: {}\n"])
                == ["main.yaml:2:11: include[0]: the file includes itself; remove one of these includes"])
        #expect(
            errors(["main.yaml": "version: 1\ninclude: [a.yaml, ./a.yaml]\ndemo: {}\n", "a.yaml": "version: 1\n"])
                == ["main.yaml:2:19: include[1]: './a.yaml' is already included; keep one of them"])
    }

    @Test(arguments: ["../other.yaml", "/etc/passwd", "a/../../x.yaml", "", "link.yaml", "folder/passwd", "none.yaml"])
    func `no file outside of the folder is read`(name: String) {
        let messages = errors(
            ["main.yaml": "version: 1\ninclude: [\"\(name)\"]\ndemo: {}\n"],
            links: ["link.yaml": "/etc/passwd", "folder": "/etc"])
        #expect(messages.count == 1)
        #expect(messages.first?.hasPrefix("main.yaml:2:11: include[0]: ") ?? false, "\(messages)")
        #expect(!messages.joined().contains("root:"))
    }

    @Test func `a link to a file in the folder is followed`() throws {
        let configuration = try read(
            ["main.yaml": "version: 1\ninclude: [now/shop.yaml]\n", "2026/shop.yaml": Self.shop], links: ["now": "2026"]
        )
        #expect(configuration.plan.endpoints.count == 1)
    }

    @Test func `a text that is in no file includes none`() throws {
        do {
            _ = try Configuration.read(text: "version: 1\ninclude: [a.yaml]\ndemo: {}\n", file: "standard input")
            Issue.record("it was read")
        } catch {
            #expect(
                error.description
                    == "standard input:2:11: include[0]: only a file can include others; save the configuration, and name its file"
            )
        }
    }
}
