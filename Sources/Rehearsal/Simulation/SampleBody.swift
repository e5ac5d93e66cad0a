import Gather
import JSONText

/// A JSON body that contains everything that an endpoint refers to, so that every call can be made.
///
/// Each value referred to is a number, and `[*]` makes a list of three elements. A list has at most a thousand: a
/// call that needs a later element is skipped.
public struct SampleBody {
    private static let listLength = 3
    private static let longestList = 1000

    private var names: [String] = []
    private var members: [String: SampleBody] = [:]
    private var elements: [SampleBody] = []
    private var length = 0

    /// The bodies of an endpoint's calls, by name, as they are after shaping.
    static func bodies(for endpoint: Endpoint) -> [String: [UInt8]] {
        let references = endpoint.calls.flatMap(\.references) + (endpoint.response?.references ?? [])
        var bodies: [String: [UInt8]] = [:]
        for (index, call) in endpoint.calls.enumerated() {
            var paths = references.filter { $0.call == index }.map(\.path.steps)
            paths += endpoint.calls.flatMap { $0.itemPaths(of: .call(index)) }
            // References to a call with `foreach` see the list of its bodies.
            if call.foreach != nil { paths = paths.map { $0.first == .each ? Array($0.dropFirst()) : $0 } }
            var sample = SampleBody()
            for path in paths { sample.insert(path[...]) }
            var text: [UInt8] = []
            if paths.isEmpty { text = Array("{}".utf8) } else { sample.append(number: 1, to: &text) }
            bodies[call.name] = text
        }
        return bodies
    }

    /// A request body that contains everything that an endpoint refers to; nil if it refers to nothing.
    public static func request(to endpoint: Endpoint) -> [UInt8]? {
        let references = endpoint.calls.flatMap(\.references) + (endpoint.response?.references ?? [])
        let paths =
            references.filter { $0.source == .body }.map(\.path.steps)
            + endpoint.calls.flatMap { $0.itemPaths(of: .body) }
        guard !paths.isEmpty else { return nil }
        var sample = SampleBody()
        for path in paths { sample.insert(path[...]) }
        guard !sample.names.isEmpty || !sample.elements.isEmpty else { return Array("{}".utf8) }
        var text: [UInt8] = []
        sample.append(number: 1, to: &text)
        return text
    }

    private mutating func insert(_ path: ArraySlice<JSONPath.Step>) {
        guard let step = path.first else { return }
        switch step {
        case .key(let name):
            if members[name] == nil { names.append(name) }
            members[name, default: SampleBody()].insert(path.dropFirst())
        case .index(let index): insert(element: path.dropFirst(), length: index + 1)
        case .each: insert(element: path.dropFirst(), length: Self.listLength)
        }
    }

    private mutating func insert(element path: ArraySlice<JSONPath.Step>, length: Int) {
        if elements.isEmpty { elements = [SampleBody()] }
        elements[0].insert(path)
        self.length = max(self.length, min(length, Self.longestList))
    }

    /// - Parameter number: the value for references that lead no further.
    private func append(number: Int, to output: inout [UInt8]) {
        if !names.isEmpty {
            for (index, name) in names.enumerated() {
                output.append(UInt8(ascii: index == 0 ? "{" : ","))
                JSONText.append(string: name, to: &output)
                output.append(UInt8(ascii: ":"))
                members[name]?.append(number: number, to: &output)
            }
            output.append(UInt8(ascii: "}"))
        } else if let element = elements.first {
            for index in 0..<length {
                output.append(UInt8(ascii: index == 0 ? "[" : ","))
                element.append(number: index + 1, to: &output)
            }
            output.append(UInt8(ascii: "]"))
        } else {
            output += Array(String(number).utf8)
        }
    }
}

extension Call {
    /// The paths into a body of what this call takes from each element of its list, if that body has the list.
    fileprivate func itemPaths(of body: Reference.Source) -> [[JSONPath.Step]] {
        guard let list = foreach?.list, list.source == body else { return [] }
        let items = references.filter { $0.source == .item }.map(\.path.steps)
        // A path with [*] leads to the elements already.
        let element = list.path.hasEach ? list.path.steps : list.path.steps + [.each]
        return [element] + items.map { element + $0 }
    }
}
