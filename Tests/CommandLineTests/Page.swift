import Foundation

/// The console blocks of a page: commands, and what they print.
struct Page {
    struct Command: Sendable, CustomStringConvertible {
        let place: String
        let text: String
        let output: [String]

        var description: String { "\(place): \(text)" }
    }

    let text: String
    private(set) var commands: [Command] = []

    init(_ file: String) throws {
        text = try String(contentsOf: Program.root.appendingPathComponent(file), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var index = 0
        while index < lines.count {
            // A block within a list is indented.
            let indentation = lines[index].prefix { $0 == " " }
            guard lines[index].dropFirst(indentation.count) == "```console" else {
                index += 1
                continue
            }
            let end = lines[index...].firstIndex(of: indentation + "```") ?? lines.count
            let block = lines[(index + 1)..<end].map { String($0.dropFirst(indentation.count)) }
            append(block, at: index + 2, of: file)
            index = end + 1
        }
    }

    /// - Parameter line: the number of the block's first line in its file.
    private mutating func append(_ block: [String], at line: Int, of file: String) {
        var index = 0
        while index < block.count {
            let place = "\(file):\(line + index)"
            var command = String(block[index].dropFirst(2))
            while command.hasSuffix("\\"), index + 1 < block.count {
                index += 1
                command = String(command.dropLast()) + String(block[index].drop { $0 == " " })
            }
            let output = block[(index + 1)...].prefix { !$0.hasPrefix("$ ") }
            commands.append(Command(place: place, text: command, output: Array(output)))
            index += 1 + output.count
        }
    }

    /// The blocks of YAML whose first line is a comment with the name of a file.
    var files: [(name: String, text: String)] {
        text.matches(of: /(?s)```yaml\n(# ([a-z]+\.yaml)\n.*?)```/).map { (String($0.output.2), String($0.output.1)) }
    }

    /// The first block of YAML below a heading.
    func yaml(below heading: String) -> String? {
        guard let start = text.firstRange(of: heading),
            let open = text[start.upperBound...].firstRange(of: "```yaml\n"),
            let close = text[open.upperBound...].firstRange(of: "```")
        else { return nil }
        return String(text[open.upperBound..<close.lowerBound])
    }

    /// Output without what another run says differently: times, dates, and lengths of bodies that times are in.
    static func comparable(_ output: [String]) -> [String] {
        var lines = output.map { line in
            var line = line.trimmingCharacters(in: .whitespaces)
            line.replace(/(dur|start)=[0-9]+\.[0-9]/) { "\($0.output.1)=#" }
            line.replace(/"(start|duration|end|total)_ms":[0-9]+\.[0-9]/) { "\"\($0.output.1)_ms\":#" }
            // Which of them there are depends on the machine: a kept connection, a busy loop.
            line.replace(/,"phases":\{[^}]*\}/, with: "")
            line.replace(/[0-9]+\.[0-9]{3}s/, with: "#s")
            line.replace(/█+ */, with: "█ ")
            line.replace(/^Date: .*/, with: "Date: #")
            line.replace(/^Content-Length: [0-9]+/, with: "Content-Length: #")
            return line
        }
        while lines.last == "" { lines.removeLast() }
        // Calls of a stream that start and end at about the same time come in any order.
        let calls = lines.indices.filter { lines[$0].hasPrefix(#"{"call":"#) || lines[$0].hasPrefix(#"{"start":"#) }
        for (index, line) in zip(calls, calls.map { lines[$0] }.sorted()) { lines[index] = line }
        return lines
    }
}
