import Yams

extension Report {
    /// Reports what the YAML parser could not read.
    func syntaxError(_ error: any Error, in text: String) {
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            var sentence = "not YAML: " + problem
            if let context {
                sentence +=
                    " " + context.text
                    + (context.mark.line < mark.line ? " that begins at line \(context.mark.line)" : "")
            }
            let isTab = character(at: Position(mark)) == "\t"
            self.error(
                sentence, remedy: isTab ? "indent with spaces, not tabs" : Self.remedy(for: problem), at: Position(mark)
            )
        case .reader(let problem, let offset, _, _):
            let before = text.prefix(offset ?? 0).unicodeScalars
            let line = before.split(separator: "\n", omittingEmptySubsequences: false)
            self.error(
                "not YAML: " + problem, remedy: "save the file as UTF-8 text without control characters",
                at: offset == nil ? .file : Position(line: max(line.count, 1), column: (line.last?.count ?? 0) + 1))
        case .duplicatedKeysInMapping(let keys, let context):
            self.error(
                "the key \(quoted(keys.first ?? "")) stands more than once in this mapping", remedy: "keep one of them",
                at: Position(context.mark))
        default:
            self.error("not YAML: the parser gave up", at: .file)
        }
    }

    private static func remedy(for problem: String) -> String? {
        switch problem {
        case "mapping values are not allowed in this context": "check the indentation, and quote a text that holds ': '"
        case "found character that cannot start any token":
            "quote a text that begins with @, ` or %"
        case "could not find expected ':'", "did not find expected key":
            "check the indentation and the colons above this line"
        case "did not find expected ',' or '}'", "did not find expected ',' or ']'":
            "close the bracket, and quote a text that holds brackets or commas"
        case "found unexpected end of stream": "close the quotation mark"
        case "found undefined alias": "quote a text that begins with *"
        case "but found another document": "keep one document in a file"
        default: nil
        }
    }
}
