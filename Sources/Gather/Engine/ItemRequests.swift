import JSONText

/// One request for an element of a list, or for several whose requests are equal.
struct ItemRequest {
    /// Nil if a value of an upstream's cannot be placed.
    let request: UpstreamRequest?
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
struct ItemRequests {
    private(set) var requests: [ItemRequest] = []
    /// The request of each element.
    private(set) var requestOfItem: [Int] = []
    /// The member for each element, if there are members.
    private(set) var keys: [String] = []

    /// - Throws: `PlacementError` for a value of the client's.
    init(
        _ elements: [JSONValue], of prepared: PreparedCall, _ foreach: Foreach, _ values: Values
    ) throws(PlacementError) {
        var values = values.settled(for: prepared.call)
        var known: [[UInt8]: Int] = [:]
        for (index, element) in elements.enumerated() {
            values.item = element
            do throws(PlacementError) {
                var key = ""
                if let template = foreach.key { key = try template.text(values) }
                requestOfItem.append(add(try prepared.request(values), &known))
                keys.append(key)
            } catch {
                guard !prepared.call.isClients(error.reference) else {
                    throw PlacementError(reference: error.reference, reason: "\(error.reason), in item [\(index)]")
                }
                requestOfItem.append(requests.count)
                requests.append(ItemRequest(request: nil, problem: "\(error.reference.text) \(error.reason)"))
                keys.append("")
            }
        }
    }

    /// The index of a request, which is that of an equal one if asking once is enough.
    private mutating func add(_ request: UpstreamRequest, _ known: inout [[UInt8]: Int]) -> Int {
        guard request.method == .get else {
            requests.append(ItemRequest(request: request, problem: nil))
            return requests.count - 1
        }
        let identity = request.identity
        if let index = known[identity] {
            requests[index].items += 1
            return index
        }
        known[identity] = requests.count
        requests.append(ItemRequest(request: request, problem: nil))
        return requests.count - 1
    }
}
