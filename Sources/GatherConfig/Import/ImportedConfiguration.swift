import Gather

/// Another program's configuration translated to ours, with a report of what was left out or has changed its meaning.
public struct ImportedConfiguration: Sendable {
    /// The configuration.
    public let yaml: String
    /// What messages call the file that it was translated from.
    public let source: String
    private let remarks: [ImportRemark]

    /// Whether nothing was left out.
    public var isComplete: Bool { !remarks.contains { $0.kind == .leftOut } }

    /// Translates KrakenD's configuration in a file; `-` is standard input.
    /// - Throws: ``ConfigurationErrors`` if it is not one, or cannot be read.
    public static func read(file: String) throws(ConfigurationErrors) -> ImportedConfiguration {
        try read(text: Configuration.contents(of: file), file: Configuration.name(of: file))
    }

    /// Translates KrakenD's configuration from its text, JSON or YAML.
    public static func read(text: String, file: String) throws(ConfigurationErrors) -> ImportedConfiguration {
        let report = Report(file: file, text: text)
        let root = try ConfigurationErrors.check(KrakenDFile.read(text, report), report)
        let translator = KrakenDTranslator(file: file.split(separator: "/").last.map(String.init) ?? file)
        var result = translator.translate(root)
        let yaml = result.lines.joined(separator: "\n") + "\n"
        do throws(ConfigurationErrors) {
            _ = try Configuration.read(text: yaml, file: file)
        } catch {
            for diagnostic in error.diagnostics { result.mustBeMended(diagnostic) }
        }
        return ImportedConfiguration(yaml: yaml, source: file, remarks: result.remarks)
    }

    /// A report of what was left out and what differs, with line numbers in both files.
    /// - Parameter output: the name of the file with the translation.
    public func report(output: String) -> String {
        var text = ""
        for (kind, title) in [(ImportRemark.Kind.leftOut, "Left out"), (.differs, "Differs")] {
            let entries = entries(of: kind)
            guard !entries.isEmpty else { continue }
            text += "\(title) (line of \(source) → line of \(output)):\n"
            for entry in entries { text += "  \(entry.subject): \(entry.text)\n    \(entry.places)\n" }
        }
        let counts = [ImportRemark.Kind.leftOut, .differs].map { entries(of: $0).count }
        return text
            + "\(source): \(counts[0] == 0 ? "nothing" : "\(counts[0])") left out, \(counts[1]) with a different meaning\n"
    }

    /// Equal remarks are merged into one entry with several places.
    private func entries(of kind: ImportRemark.Kind) -> [(subject: String, text: String, places: String)] {
        var entries: [(subject: String, text: String, places: [String])] = []
        var indices: [String: Int] = [:]
        for remark in remarks.filter({ $0.kind == kind }) {
            let place = remark.theirs > 0 ? "\(remark.theirs) → \(remark.ours)" : "→ \(remark.ours)"
            let index = indices[remark.subject + "\n" + remark.text]
            if let index {
                if entries[index].places.last != place { entries[index].places.append(place) }
            } else {
                indices[remark.subject + "\n" + remark.text] = entries.count
                entries.append((remark.subject, remark.text, [place]))
            }
        }
        return entries.map { ($0.subject, $0.text, $0.places.joined(separator: ", ")) }
    }
}
