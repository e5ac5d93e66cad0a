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
            bodies[call.name] = paths.isEmpty ? Array("{}".utf8) : SampleBody(paths).text
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
        let sample = SampleBody(paths)
        return sample.names.isEmpty && sample.elements.isEmpty ? Array("{}".utf8) : sample.text
    }

    private init(_ paths: [[JSONPath.Step]] = []) {
        for path in paths { insert(path[...]) }
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

    private var text: [UInt8] {
        var json = JSONWriter()
        write(number: 1, to: &json)
        return json.bytes
    }

    /// - Parameter number: the value for references that lead no further.
    private func write(number: Int, to json: inout JSONWriter) {
        if !names.isEmpty {
            json.object { json in
                for name in names { json.member(name) { members[name]?.write(number: number, to: &$0) } }
            }
        } else if let element = elements.first {
            json.array(of: 1...length) { element.write(number: $1, to: &$0) }
        } else {
            json.number(FixedPoint(number, decimals: 0))
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
