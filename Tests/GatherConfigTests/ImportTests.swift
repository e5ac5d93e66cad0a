import Foundation
import Testing

@testable import GatherConfig

/// A configuration of KrakenD's in `KrakenD`, next to what it is here and what is said about that.
struct ImportCase: Sendable, CustomStringConvertible {
    let description: String

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "KrakenD")

    static let all = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".json") }.sorted().map { ImportCase(description: String($0.dropLast(5))) }
    }()

    var json: URL { Self.folder.appending(path: description + ".json") }
    var yaml: URL { Self.folder.appending(path: description + ".expected.yaml") }
    var report: URL { Self.folder.appending(path: description + ".report") }

    /// Our configuration, if there is one, and the report or the errors.
    func importing() throws -> (yaml: String?, report: String) {
        do {
            let imported = try ImportedConfiguration.read(
                text: try String(contentsOf: json, encoding: .utf8), file: "krakend.json")
            return (imported.yaml, imported.report(output: "gatherd.yaml"))
        } catch let error as ConfigurationErrors {
            return (nil, error.description + "\n")
        }
    }
}

@Suite struct ImportTests {
    /// `GATHERD_UPDATE_EXPECTED=1` writes what comes out now, for `git diff` to show.
    @Test(arguments: ImportCase.all)
    func `a configuration of KrakenD becomes ours, with a report of what differs`(given: ImportCase) throws {
        let (yaml, report) = try given.importing()
        if ProcessInfo.processInfo.environment["GATHERD_UPDATE_EXPECTED"] != nil {
            try yaml?.write(to: given.yaml, atomically: true, encoding: .utf8)
            try report.write(to: given.report, atomically: true, encoding: .utf8)
        }
        #expect(report == (try String(contentsOf: given.report, encoding: .utf8)))
        #expect(yaml == (try? String(contentsOf: given.yaml, encoding: .utf8)))
    }

    @Test func `there are cases`() { #expect(ImportCase.all.count >= 12) }

    @Test(arguments: ImportCase.all)
    func `what comes out is read without errors or warnings`(given: ImportCase) throws {
        guard let yaml = try given.importing().yaml else { return }
        #expect(try Configuration.read(text: yaml, file: "gatherd.yaml").warnings == [])
    }

    @Test(arguments: ImportCase.all)
    func `a line of the report is that of a comment, or of what it speaks of`(given: ImportCase) throws {
        let (yaml, report) = try given.importing()
        guard let yaml else { return }
        let ours = yaml.split(separator: "\n", omittingEmptySubsequences: false)
        let theirs = try String(contentsOf: given.json, encoding: .utf8).split(separator: "\n")
        guard let leftOut = report.split(separator: "Differs").first, leftOut.hasPrefix("Left out") else { return }
        for pair in leftOut.matches(of: /(\d+) → (\d+)/) {
            let (theirLine, ourLine) = (try #require(Int(pair.1)), try #require(Int(pair.2)))
            #expect(theirs.indices.contains(theirLine - 1))
            #expect(ours[ourLine - 1].contains("# left out: "))
        }
    }

    @Test func `YAML in KrakenD's form is read as well`() throws {
        let imported = try ImportedConfiguration.read(
            text: """
                version: 3
                host: [http://a]
                endpoints:
                  - endpoint: /a/{id}
                    backend:
                      - url_pattern: /b/{id}
                """, file: "krakend.yaml")
        #expect(imported.isComplete)
        let plan = try Configuration.read(text: imported.yaml, file: "x").plan
        #expect(plan.endpoints.map(\.path) == ["/a/{id}"])
        #expect(plan.endpoints[0].calls.map(\.name) == ["b"])
    }

    @Test(arguments: [
        ("1m30s", Duration.seconds(90)), ("250ms", .milliseconds(250)), ("1.5h", .seconds(5400)), ("0", .zero),
        ("100us", .microseconds(100)),
    ])
    func `a length of time is read as Go writes it`(text: String, duration: Duration) throws {
        let report = Report(file: "x", text: text)
        #expect(DocumentReader.read(text, environment: nil, report: report)?.goDuration == duration)
    }

    @Test(arguments: ["", "s", "3", "3x", "-1s", "1e300h"])
    func `what is no length of time is not read as one`(text: String) throws {
        let report = Report(file: "x", text: text)
        #expect(DocumentReader.read("\"\(text)\"", environment: nil, report: report)?.goDuration == nil)
    }

    @Test func `names of version 2 are those of version 3, whoever owned the library`() {
        for (old, new) in [
            ("github_com/devopsfaith/krakend-cors", "security/cors"),
            ("github.com/devopsfaith/krakend/proxy", "proxy"), ("github.com/luraproject/lura/proxy", "proxy"),
            ("github.com/devopsfaith/krakend/http", "backend/http"),
            ("github.com/devopsfaith/krakend-ratelimit/juju/router", "qos/ratelimit/router"),
            ("github_com/luraproject/lura/router/gin", "router"), ("qos/http-cache", "qos/http-cache"),
        ] {
            #expect(KrakenDNames.namespace(old) == new)
        }
    }

    @Test func `every key that import knows is on the page about it`() throws {
        let page = try String(
            contentsOf: ImportCase.folder.deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appending(path: "Sources/gatherd/gatherd.docc/ComingFromKrakenD.md"),
            encoding: .utf8)
        let keys = [
            KrakenDNames.serviceKeys, KrakenDNames.endpointKeys, KrakenDNames.backendKeys, KrakenDNames.namespaces,
        ]
        for key in keys.flatMap(\.keys).sorted() { #expect(page.contains("`\(key)`"), "\(key)") }
    }
}
