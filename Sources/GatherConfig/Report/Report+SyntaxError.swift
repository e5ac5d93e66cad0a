extension Report {
    /// Reports why a text is not one YAML document.
    func syntaxError(_ error: YAMLError, in text: String) {
        switch error {
        case .syntax(let problem, let context, let position):
            var sentence = "not YAML: " + problem
            if let context {
                sentence += " " + context.text
                if context.position.line < position.line {
                    sentence += " that begins at line \(context.position.line)"
                }
            }
            let isTab = character(at: position) == "\t"
            self.error(
                sentence, remedy: isTab ? "indent with spaces, not tabs" : Self.remedy(for: problem), at: position)
        case .unreadable(let problem, let offset):
            let lines = String(decoding: text.utf8.prefix(offset), as: UTF8.self).unicodeScalars
                .split(separator: "\n", omittingEmptySubsequences: false)
            self.error(
                "not YAML: " + problem, remedy: "save the file as UTF-8 text without control characters",
                at: Position(line: max(lines.count, 1), column: (lines.last?.count ?? 0) + 1))
        case .secondDocument(let position):
            self.error("the file contains a second document", remedy: "keep only one", at: position)
        case .duplicateKey(let key, let position):
            self.error(
                "the key \(quoted(key)) appears more than once in this mapping", remedy: "keep one of them",
                at: position
            )
        case .aliasInKey(let position):
            self.error("an alias cannot be part of a key", remedy: "write the key out", at: position)
        case .tooDeep(let position):
            tooDeep(at: position)
        case .outOfMemory:
            self.error("not YAML: the parser failed", at: .file)
        }
    }

    func tooDeep(at position: Position, keyPath: String = "") {
        error(
            "values are nested more than \(DocumentReader.maxDepth) levels deep", remedy: "nest them less",
            at: position,
            keyPath: keyPath)
    }

    private static func remedy(for problem: String) -> String? {
        switch problem {
        case "mapping values are not allowed in this context":
            "check the indentation, and quote a string that holds ': '"
        case "found character that cannot start any token":
            "quote a string that begins with @, ` or %"
        case "could not find expected ':'", "did not find expected key":
            "check the indentation and the colons above this line"
        case "did not find expected ',' or '}'", "did not find expected ',' or ']'":
            "close the bracket, and quote a string that holds brackets or commas"
        case "found unexpected end of stream": "close the quotation mark"
        case "found undefined alias": "quote a string that begins with *"
        default: nil
        }
    }
}
