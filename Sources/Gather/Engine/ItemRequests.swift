import HTTPWire
import JSONText

/// One request for an element of a list, or for several whose requests are equal.
struct ItemRequest: Sendable {
    /// Nil if a value of an upstream's cannot be placed.
    let request: ClientRequest?
    /// Why there is no request.
    let problem: String?
    /// How many elements it is for.
    var items = 1
    /// How it ended, once it has.
    var outcome: Outcome?
    /// What came.
    var body: JSONValue?
}

/// The requests for the elements of a list, each once.
struct ItemRequests: Sendable {
    private(set) var requests: [ItemRequest] = []
    /// The request of each element.
    private(set) var requestOfItem: [Int] = []
    /// The member for each element, if there are members.
    private(set) var keys: [String] = []
    /// How large requests and keys are together.
    private var bytes = 0

    /// What the requests of one list may need: each is there before the first is sent, and may hold all that the client
    /// sent.
    private static let byteLimit = 16 << 20

    /// - Throws: `PlacementError` for a value of the client's.
    init(
        _ elements: [JSONValue], of prepared: PreparedCall, _ foreach: Foreach, _ values: Values
    ) throws(PlacementError) {
        var values = try values.settled(for: prepared)
        var known: [[UInt8]: Int] = [:]
        for (index, element) in elements.enumerated() {
            values.item = element
            do throws(PlacementError) {
                var key = ""
                if let template = foreach.key { key = try template.render(values.requiredText) }
                requestOfItem.append(add(try prepared.request.render(values), &known))
                keys.append(key)
                bytes += key.utf8.count
            } catch {
                guard !prepared.call.isClients(error.reference) else {
                    throw PlacementError(reference: error.reference, reason: "\(error.reason), in item [\(index)]")
                }
                requestOfItem.append(requests.count)
                requests.append(ItemRequest(request: nil, problem: error.description))
                keys.append("")
            }
            guard bytes <= Self.byteLimit else {
                throw PlacementError(reference: foreach.list, reason: "makes requests of more than 16 MiB together")
            }
        }
    }

    /// The index of a request, which is that of an equal one if asking once is enough.
    private mutating func add(_ request: ClientRequest, _ known: inout [[UInt8]: Int]) -> Int {
        guard request.method == .get else {
            bytes += request.size
            requests.append(ItemRequest(request: request, problem: nil))
            return requests.count - 1
        }
        let identity = request.identity
        if let index = known[identity] {
            requests[index].items += 1
            return index
        }
        known[identity] = requests.count
        bytes += request.size
        requests.append(ItemRequest(request: request, problem: nil))
        return requests.count - 1
    }
}

extension ClientRequest {
    /// The bytes of target, fields and body.
    fileprivate var size: Int { target.utf8.count + fields.bytes.count + (body?.count ?? 0) }
}
