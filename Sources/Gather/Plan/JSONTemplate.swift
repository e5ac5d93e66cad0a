/// A JSON document with references in it: an endpoint's `response:`, a call's `body:`.
public indirect enum JSONTemplate: Sendable, Hashable {
    /// JSON text as it is.
    case literal([UInt8])
    /// A reference alone, which keeps its value's type.
    case reference(Reference)
    /// A string with references in it.
    case text(TextTemplate)
    case array([JSONTemplate])
    case object([Member])

    public struct Member: Sendable, Hashable {
        public let name: String
        public let value: JSONTemplate

        public init(name: String, value: JSONTemplate) {
            self.name = name
            self.value = value
        }
    }

    /// The references, in order.
    public var references: [Reference] {
        switch self {
        case .literal: []
        case .reference(let reference): [reference]
        case .text(let template): template.references
        case .array(let elements): elements.flatMap(\.references)
        case .object(let members): members.flatMap(\.value.references)
        }
    }
}
