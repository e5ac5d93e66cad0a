/// Which of a client's header fields or query parameters are forwarded: by name, by prefix, or all.
public struct ForwardedNames: Sendable, Equatable {
    public var isAll = false
    public var names: [String]
    /// Prefixes of field names, in any letter case.
    public var prefixes: [String]

    public init(_ names: [String] = [], prefixes: [String] = [], isAll: Bool = false) {
        (self.names, self.prefixes, self.isAll) = (names, prefixes, isAll)
    }

    public static let all = ForwardedNames(isAll: true)

    public var isEmpty: Bool { !isAll && names.isEmpty && prefixes.isEmpty }

    /// Whether a field is forwarded.
    public func contains(field name: Span<UInt8>) -> Bool {
        isAll || names.contains { name.begins(with: $0.utf8Span.span, wholly: true) }
            || prefixes.contains { name.begins(with: $0.utf8Span.span, wholly: false) }
    }

    /// Whether a field is one of these to an upstream that follows CGI, where `_` in a name is `-` (RFC 3875 §4.1.18).
    public func contains(alias name: Span<UInt8>) -> Bool {
        isAll || names.contains { name.begins(with: $0.utf8Span.span, wholly: true, isFolded: true) }
            || prefixes.contains { name.begins(with: $0.utf8Span.span, wholly: false, isFolded: true) }
    }

    /// Whether `*` forwards a client's field to a call: not one about the client's own body, nor one that asks for
    /// anything but a whole JSON text, nor one that says for whom the request is, which anyone could say.
    static func isForCalls(_ name: Span<UInt8>) -> Bool { !notForCalls.contains(alias: name) }

    private static let notForCalls = ForwardedNames(
        ["accept", "accept-encoding", "range", "transfer-encoding", "forwarded"],
        prefixes: ["content-", "if-", "x-forwarded-"])
}

extension Span<UInt8> {
    /// - Parameter isFolded: whether `_` is `-`.
    fileprivate func begins(with other: Span<UInt8>, wholly: Bool, isFolded: Bool = false) -> Bool {
        guard wholly ? count == other.count : count >= other.count else { return false }
        for index in other.indices
        where Self.folded(self[index], isFolded) != Self.folded(other[index], isFolded) { return false }
        return true
    }

    private static func folded(_ byte: UInt8, _ isFolded: Bool) -> UInt8 {
        if isFolded, byte == UInt8(ascii: "_") { return UInt8(ascii: "-") }
        return (65...90).contains(byte) ? byte | 0x20 : byte
    }
}
