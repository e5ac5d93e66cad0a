/// Text with references in it.
public struct TextTemplate: Sendable, Hashable {
    public enum Part: Sendable, Hashable {
        case literal(String)
        case reference(Reference)
    }

    public var parts: [Part]

    public init(parts: [Part]) { self.parts = parts }

    /// Reads `text`, in which `{…}` is a reference and `{{`, `}}` stand for the braces themselves.
    /// - Throws: `TemplateError` with the column in `text`.
    public init(_ text: String, in scope: ReferenceScope) throws(TemplateError) {
        var reader = TemplateReader(text, scope: scope)
        parts = try reader.read()
    }

    /// The references, in order.
    public var references: [Reference] {
        parts.compactMap { if case .reference(let reference) = $0 { reference } else { nil } }
    }

    /// The text, if there is no reference in it.
    public var literal: String? {
        switch parts.count {
        case 0: ""
        case 1: if case .literal(let text) = parts[0] { text } else { nil }
        default: nil
        }
    }

    /// The reference, if there is nothing else.
    public var soleReference: Reference? {
        guard parts.count == 1, case .reference(let reference) = parts[0] else { return nil }
        return reference
    }
}
