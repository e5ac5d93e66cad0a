import EventLoop
import Foundation
import TestSupport
import Testing

/// `gatherd import`: where configuration and report go, and how it ends.
@Suite(.blocking) struct ImportCommandTests {
    private static let cases = "Tests/GatherConfigTests/KrakenD"

    @Test(arguments: [("sequential", 0), ("limits", 1), ("template", 2)])
    func `the exit status says whether all was carried over`(name: String, status: Int32) throws {
        let result = try Program.run(["import", "\(Self.cases)/\(name).json"])
        #expect(result.exit == .exited(code: status))
        #expect(result.output.isEmpty == (status == 2))
        #expect(result.errors.contains("\(name).json"))
    }

    @Test func `the configuration and the report go into files`() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("gatherd-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let (yaml, report) = (directory.path + "/gatherd.yaml", directory.path + "/report.txt")
        let result = try Program.run(
            ["import", "\(Self.cases)/merge.json", "--output", yaml, "--report", report])
        #expect(result.output.isEmpty && result.errors.isEmpty)
        #expect(try String(contentsOfFile: report, encoding: .utf8).contains("→ line of \(yaml)"))
        let checked = try Program.run(["check", yaml])
        #expect(checked.exit == .exited(code: 0), "\(checked.errors)")
    }

    @Test func `other commands say what to do with a configuration of KrakenD`() throws {
        let file = "\(Self.cases)/merge.json"
        for command in ["check", "serve"] {
            let result = try Program.run([command, file])
            #expect(result.exit == .exited(code: 1))
            #expect(result.errors.contains("translate it: gatherd import \(file)"), "\(result.errors)")
        }
    }
}
