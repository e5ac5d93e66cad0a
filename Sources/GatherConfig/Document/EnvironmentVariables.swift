import Gather

/// `${NAME}` and `${NAME:-default}` in the texts of a file, and `${file:NAME}` for the contents of another file, such
/// as a secret that the service manager has put there; `$${` stands for `${` itself.
///
/// They are substituted after the YAML is parsed, so a value is always text and never adds a key or a list element.
enum EnvironmentVariables {
    /// The text with every variable replaced by its value; nil if there are no variables in it.
    ///
    /// As in a shell, the default is used for a variable that is unset or empty.
    static func substitute(in text: String, from environment: [String: String]) throws(TemplateError) -> String? {
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
                throw TemplateError(
                    column: column, "a '${' without a matching '}'",
                    remedy: "write '$${' for the characters themselves")
            }
            output += try value(of: rest[..<close].dropFirst(2), column: column, environment)
            rest = rest[close...].dropFirst()
        }
        return output + rest
    }

    private static func value(
        of expression: Substring, column: Int, _ environment: [String: String]
    ) throws(TemplateError) -> String {
        let name = String(expression.prefix { $0 != ":" })
        let rest = expression.dropFirst(name.count)
        if name == "file", rest.hasPrefix(":"), !rest.hasPrefix(":-") {
            return try content(of: String(rest.dropFirst()), column: column, environment)
        }
        guard Name.isValid(name), rest.isEmpty || rest.hasPrefix(":-") else {
            throw TemplateError(
                column: column, "\(quoted("${\(expression)}")) is not a variable",
                remedy: "write ${NAME}, ${NAME:-default} or ${file:NAME}, or '$${' for the characters themselves")
        }
        let value = environment[name]
        if !rest.isEmpty { return value.flatMap { $0.isEmpty ? nil : $0 } ?? String(rest.dropFirst(2)) }
        if let value { return value }
        throw TemplateError(
            column: column, "the environment variable '\(name)' is not set",
            remedy: "set it, or give a default: ${\(name):-value}")
    }

    private static let maxFileBytes = 64 << 10

    /// The contents of a file, without line breaks at its end. A name that does not begin with a slash is that of a
    /// credential, as systemd passes them to a service (`LoadCredential=`).
    private static func content(
        of name: String, column: Int, _ environment: [String: String]
    ) throws(TemplateError) -> String {
        var path = name
        if !name.hasPrefix("/") {
            guard let directory = environment["CREDENTIALS_DIRECTORY"], !directory.isEmpty else {
                throw TemplateError(
                    column: column, "there are no credentials for ${file:\(name)}",
                    remedy: "set CREDENTIALS_DIRECTORY to the directory that has the file, or write its absolute path"
                )
            }
            path = directory + "/" + name
        }
        let bytes: [UInt8]
        do throws(FileError) { bytes = try FileContents.read(path, atMost: maxFileBytes + 1) } catch {
            throw TemplateError(
                column: column, "\(quoted(path)) cannot be read: \(error)",
                remedy: "name a file that the service can read")
        }
        guard bytes.count <= maxFileBytes, let text = String(validating: bytes, as: UTF8.self) else {
            throw TemplateError(
                column: column, "\(quoted(path)) is not UTF-8 text of at most 64 KiB",
                remedy: "name another file")
        }
        return String(text.reversed().drop { $0.isNewline }.reversed())
    }
}
