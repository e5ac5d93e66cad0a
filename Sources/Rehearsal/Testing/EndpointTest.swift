import Gather
public import HTTPTypes

/// A test of an endpoint: a request, how upstreams reply to its calls, and the answer that is expected.
public struct EndpointTest: Sendable {
    public var name: String
    /// The endpoint's place in the plan.
    public var endpoint: Int
    public var request = GivenRequest()
    /// How often the request is sent; what is expected is of the last.
    public var times = 1
    /// The time from one to the next; one that takes longer is waited for.
    public var interval: Duration = .zero
    /// The limits of requests that the service has besides its endpoint's.
    public var serviceLimits: [RateLimit] = []
    /// By call name, the replies to its attempts in the order in which they begin. The last is repeated; never empty.
    public var replies: [String: [Reply]] = [:]
    public var expected = Expectation()

    public init(name: String, endpoint: Int) {
        self.name = name
        self.endpoint = endpoint
    }

    /// What one attempt at a call gets.
    public struct Reply: Sendable {
        public var end: End
        /// The fields of a response.
        public var fields: [(name: HTTPField.Name, value: String)] = []
        public var delay: Duration = .zero

        public enum End: Sendable, Equatable {
            case response(status: Int, body: [UInt8])
            /// No answer at all.
            case timeout
            /// The connection is refused.
            case unreachable
        }

        public init(_ end: End) { self.end = end }
    }

    /// What has to be true of the answer. What is nil is not checked.
    public struct Expectation: Sendable {
        public var status: Int?
        /// Whether every call is ok.
        public var isComplete: Bool?
        /// The whole answer, as JSON.
        public var body: [UInt8]?
        /// A part of the answer, as JSON: objects may have other members.
        public var includedBody: [UInt8]?
        /// Header fields of the answer, each with all of its values.
        public var fields: [(name: HTTPField.Name, values: [String])] = []
        /// How calls end, by name.
        public var outcomes: [(call: String, outcome: Outcome)] = []
        /// The longest the gather may take.
        public var within: Duration?

        public init() {}
    }
}
