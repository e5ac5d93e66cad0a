import Gather
import JSONText

/// A JSON body that has everything that an endpoint refers to, so that every call can be made.
///
/// What is referred to is a number; `[*]` makes a list of three elements. Lists end at a thousand: a call that needs
/// the element at a later index is skipped.
public struct SampleBody {
    private static let listLength = 3
    private static let longestList = 1000

    private var names: [String] = []
    private var members: [String: SampleBody] = [:]
    private var elements: [SampleBody] = []
    private var length = 0

    /// The bodies of an endpoint's calls, by name, as the calls' own shaping leaves them.
    static func bodies(for endpoint: Endpoint) -> [String: [UInt8]] {
        let references = endpoint.calls.flatMap(\.references) + (endpoint.response?.references ?? [])
        var bodies: [String: [UInt8]] = [:]
        for (index, call) in endpoint.calls.enumerated() {
            var paths = references.filter { $0.call == index }.map(\.path.steps)
            paths += endpoint.calls.flatMap { $0.itemPaths(of: .call(index)) }
            // What others see of a call that is made for a list is the list of its bodies.
            if call.foreach != nil { paths = paths.map { $0.first == .each ? Array($0.dropFirst()) : $0 } }
            var sample = SampleBody()
            for path in paths { sample.insert(path[...]) }
            var text: [UInt8] = []
            if paths.isEmpty { text = Array("{}".utf8) } else { sample.append(number: 1, to: &text) }
            bodies[call.name] = text
        }
        return bodies
    }

    /// A request body that has everything that an endpoint takes of it; nil if it takes nothing.
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

    /// - Parameter number: what stands where nothing more is known.
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
    /// Where in a body the values are that this call takes from each element of its list, if its list is there.
    fileprivate func itemPaths(of body: Reference.Source) -> [[JSONPath.Step]] {
        guard let list = foreach?.list, list.source == body else { return [] }
        let items = references.filter { $0.source == .item }.map(\.path.steps)
        // A path with [*] leads to the elements themselves.
        let element = list.path.hasEach ? list.path.steps : list.path.steps + [.each]
        return [element] + items.map { element + $0 }
    }
}
