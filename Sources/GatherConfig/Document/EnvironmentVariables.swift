/// `${NAME}` and `${NAME:-default}` in texts of the file; `$${` stands for `${` itself.
///
/// They are put in after the YAML is parsed, so a variable's value is a text and never adds a key or a list element.
enum EnvironmentVariables {
    struct Problem: Error {
        /// Where in the text, in characters from 1.
        let column: Int
        let problem: String
        let remedy: String
    }

    /// The text with every variable's value in its place; nil if it names none.
    ///
    /// As in a shell, the default stands in for a variable that is not set or empty.
    static func substitute(in text: String, from environment: [String: String]) throws(Problem) -> String? {
        guard text.utf8.contains(UInt8(ascii: "$")), text.contains("${") else { return nil }
        var output = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            output += rest[..<dollar]
            rest = rest[dollar...]
            if rest.hasPrefix("$${") {
                output += "${"
                rest = rest.dropFirst(3)
                continue
            }
            guard rest.hasPrefix("${") else {
                output.append("$")
                rest = rest.dropFirst()
                continue
            }
            let column = text.distance(from: text.startIndex, to: dollar) + 1
            guard let close = rest.firstIndex(of: "}") else {
                throw Problem(
                    column: column, problem: "a '${' without its '}'",
                    remedy: "write '$${' for the characters themselves")
            }
            output += try value(of: rest[..<close].dropFirst(2), column: column, environment)
            rest = rest[close...].dropFirst()
        }
        return output + rest
    }

    private static func value(
        of expression: Substring, column: Int, _ environment: [String: String]
    ) throws(Problem) -> String {
        let name = String(expression.prefix { $0 != ":" })
        let rest = expression.dropFirst(name.count)
        guard Name.isValid(name), rest.isEmpty || rest.hasPrefix(":-") else {
            throw Problem(
                column: column, problem: "\(quoted("${\(expression)}")) is not a variable",
                remedy: "write ${NAME} or ${NAME:-default}, or '$${' for the characters themselves")
        }
        let value = environment[name]
        if rest.isEmpty {
            if let value { return value }
        } else {
            return value.flatMap { $0.isEmpty ? nil : $0 } ?? String(rest.dropFirst(2))
        }
        throw Problem(
            column: column, problem: "the environment has no '\(name)'",
            remedy: "set it, or give a default: ${\(name):-value}")
    }
}
