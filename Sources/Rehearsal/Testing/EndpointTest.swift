import Gather
public import HTTPTypes

/// What an endpoint is to answer to a request when its upstreams answer as the test says.
public struct EndpointTest: Sendable {
    public var name: String
    /// The endpoint's place in the plan.
    public var endpoint: Int
    public var request = GivenRequest()
    /// For each call by name what its attempts get, in the order in which they begin; the last holds for all others.
    /// Never empty.
    public var replies: [String: [Reply]] = [:]
    public var expected = Expectation()

    public init(name: String, endpoint: Int) {
        self.name = name
        self.endpoint = endpoint
    }

    /// What one attempt of a call gets.
    public struct Reply: Sendable {
        public var end: End
        /// The fields of a response.
        public var fields: [(name: HTTPField.Name, value: String)] = []
        public var delay: Duration = .zero

        public enum End: Sendable, Equatable {
            case response(status: Int, body: [UInt8])
            /// No answer at all.
            case timeout
            /// No connection.
            case unreachable
        }

        public init(_ end: End) { self.end = end }
    }

    /// What has to hold of the answer; nothing is checked of what is nil.
    public struct Expectation: Sendable {
        public var status: Int?
        /// Whether every call is ok.
        public var isComplete: Bool?
        /// The answer as JSON.
        public var body: [UInt8]?
        /// What the answer has as JSON, among other members.
        public var includedBody: [UInt8]?
        /// Fields of the answer, each with all of its values.
        public var fields: [(name: HTTPField.Name, values: [String])] = []
        /// How calls end, by name.
        public var outcomes: [(call: String, outcome: Outcome)] = []
        /// The longest that the gather takes.
        public var within: Duration?

        public init() {}
    }
}
