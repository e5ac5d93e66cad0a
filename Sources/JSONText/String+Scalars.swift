extension String {
    /// The text with every occurrence of one replaced, whatever combines with its scalars.
    ///
    /// `replacing` of strings compares whole characters, and misses a `<` that has a combining mark after it, or a
    /// prepended one such as U+0600 before it.
    package func replacingScalars(_ text: String, with replacement: String) -> String {
        String(unicodeScalars.replacing(text.unicodeScalars, with: replacement.unicodeScalars))
    }

    /// The text as XML and HTML show it, also inside a quoted attribute.
    ///
    /// What XML cannot hold, not even escaped (XML 1.0 §2.2), becomes U+FFFD.
    package var markup: String {
        var markup = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "&": markup += "&amp;"
            case "<": markup += "&lt;"
            case ">": markup += "&gt;"
            case "\"": markup += "&quot;"
            case "'": markup += "&#39;"
            case "\t", "\n", "\r": markup.unicodeScalars.append(scalar)
            case "\0"..."\u{1F}", "\u{FFFE}", "\u{FFFF}": markup += "\u{FFFD}"
            default: markup.unicodeScalars.append(scalar)
            }
        }
        return markup
    }
}
