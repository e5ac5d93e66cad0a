import Foundation
import GatherConfig
import Testing

/// The errors of a configuration, as they are printed; empty for a correct file.
func errors(in text: String, environment: [String: String] = [:]) -> [String] {
    do throws(ConfigurationErrors) {
        _ = try Configuration.read(text: text, file: "x.yaml", environment: environment)
        return []
    } catch {
        return error.diagnostics.map(\.description)
    }
}

/// A configuration in `Messages`, next to what `gatherd check` says about it.
struct MessageCase: Sendable, CustomStringConvertible {
    /// The file's path in `Messages`, without its extension.
    let description: String

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Messages")

    static let all = {
        let files = (try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".yaml") }.sorted().map { MessageCase(description: String($0.dropLast(5))) }
    }()

    var yaml: URL { Self.folder.appending(path: description + ".yaml") }
    var expected: URL { Self.folder.appending(path: description + ".expected") }

    /// A line for each error or, if there are none, for each warning.
    static func messages(about text: String) -> String {
        let lines: [String]
        do throws(ConfigurationErrors) {
            lines = try Configuration.read(text: text, file: "x.yaml", environment: [:]).warnings.map(\.description)
        } catch {
            lines = error.diagnostics.map(\.description)
        }
        return lines.map { $0 + "\n" }.joined()
    }
}

@Suite struct ErrorTests {
    /// `GATHERD_UPDATE_EXPECTED=1` writes what is said now, for `git diff` to show.
    @Test(arguments: MessageCase.all)
    func `an error says where it is, what is wrong and what to do`(given: MessageCase) throws {
        let messages = MessageCase.messages(about: try String(contentsOf: given.yaml, encoding: .utf8))
        if ProcessInfo.processInfo.environment["GATHERD_UPDATE_EXPECTED"] != nil {
            try messages.write(to: given.expected, atomically: true, encoding: .utf8)
        }
        #expect(messages == (try String(contentsOf: given.expected, encoding: .utf8)))
    }

    @Test func `there are cases`() { #expect(MessageCase.all.count >= 60) }
}
