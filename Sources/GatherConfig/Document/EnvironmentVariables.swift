/// `${NAME}` and `${NAME:-default}` in texts of the file, and `${file:NAME}` for what is in a file, such as a secret
/// that the service manager has put there; `$${` stands for `${` itself.
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
                    column: column, problem: "a '${' without a matching '}'",
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
        if name == "file", rest.hasPrefix(":"), !rest.hasPrefix(":-") {
            return try content(of: String(rest.dropFirst()), column: column, environment)
        }
        guard Name.isValid(name), rest.isEmpty || rest.hasPrefix(":-") else {
            throw Problem(
                column: column, problem: "\(quoted("${\(expression)}")) is not a variable",
                remedy: "write ${NAME}, ${NAME:-default} or ${file:NAME}, or '$${' for the characters themselves")
        }
        let value = environment[name]
        if rest.isEmpty {
            if let value { return value }
        } else {
            return value.flatMap { $0.isEmpty ? nil : $0 } ?? String(rest.dropFirst(2))
        }
        throw Problem(
            column: column, problem: "the environment variable '\(name)' is not set",
            remedy: "set it, or give a default: ${\(name):-value}")
    }

    private static let maxFileBytes = 64 << 10

    /// What is in a file, without line breaks at its end. A name without a slash in front is that of a credential, as
    /// systemd hands them to a service (`LoadCredential=`).
    private static func content(
        of name: String, column: Int, _ environment: [String: String]
    ) throws(Problem) -> String {
        var path = name
        if !name.hasPrefix("/") {
            guard let directory = environment["CREDENTIALS_DIRECTORY"], !directory.isEmpty else {
                throw Problem(
                    column: column, problem: "there are no credentials for ${file:\(name)}",
                    remedy:
                        "set CREDENTIALS_DIRECTORY to the directory that has the file, or write its path from the root on"
                )
            }
            path = directory + "/" + name
        }
        let bytes: [UInt8]
        do throws(FileError) { bytes = try FileContents.read(path, atMost: maxFileBytes + 1) } catch {
            throw Problem(
                column: column, problem: "\(quoted(path)) cannot be read: \(error)",
                remedy: "name a file that the service may read")
        }
        guard bytes.count <= maxFileBytes, let text = String(validating: bytes, as: UTF8.self) else {
            throw Problem(
                column: column, problem: "\(quoted(path)) is not UTF-8 text of at most 64 KiB",
                remedy: "name another file")
        }
        return String(text.reversed().drop { $0.isNewline }.reversed())
    }
}
