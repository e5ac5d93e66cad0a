import JSONText

/// The members of an object to be written: of several with the same name, the last one counts, at the place of the
/// first.
struct Members {
    private var members: [(name: String, value: JSONValue)] = []
    /// By bytes, since Swift's strings are equal if they look alike, and JSON's names if their code points are (RFC
    /// 8259 §8.3).
    private var places: [[UInt8]: Int] = [:]

    mutating func put(_ name: String, _ value: JSONValue) {
        let key = Array(name.utf8)
        if let place = places[key] {
            members[place].value = value
        } else {
            places[key] = members.count
            members.append((name, value))
        }
    }

    func append(to output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
        var isFirst = true
        for (name, value) in members {
            if !isFirst { output.append(UInt8(ascii: ",")) }
            isFirst = false
            JSONText.append(string: name, to: &output)
            output.append(UInt8(ascii: ":"))
            value.append(to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }
}
