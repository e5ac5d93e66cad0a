/// A span as others name it (W3C Trace Context): its trace, itself, and whether it is recorded.
public struct TraceContext: Sendable, Hashable {
    /// The trace's 128 bits, which are not all 0.
    public var trace: TraceID
    /// The span's 64 bits, which are not all 0.
    public var span: UInt64
    /// Whether who has sent this records its part of the trace.
    public var isSampled: Bool
    /// What other systems have to say of the trace (`tracestate`), as it is passed on; empty if nothing.
    public var state: String

    public init(trace: TraceID, span: UInt64, isSampled: Bool, state: String = "") {
        (self.trace, self.span, self.isSampled, self.state) = (trace, span, isSampled, state)
    }

    /// What a `traceparent` field says; nil if it is malformed, which begins a new trace.
    ///
    /// Of a later version as much is read as this one has (Trace Context §3.2.4).
    public init?(traceparent field: ArraySlice<UInt8>) {
        // 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
        let text = field.span
        guard text.count >= 55, text[2] == .dash, text[35] == .dash, text[52] == .dash,
            let version = text.hexNumber(at: 0, digits: 2), version != 0xFF,
            text.count == 55 || (version > 0 && text[55] == .dash),
            let high = text.hexNumber(at: 3, digits: 16), let low = text.hexNumber(at: 19, digits: 16),
            let span = text.hexNumber(at: 36, digits: 16), let flags = text.hexNumber(at: 53, digits: 2),
            high | low != 0, span != 0
        else { return nil }
        self.init(trace: TraceID(high, low), span: span, isSampled: flags & 1 == 1)
    }

    /// What the fields of a request say; nil if it has no `traceparent`, or a malformed one, or several.
    public init?(of head: RequestHead) {
        var parent: ArraySlice<UInt8>?
        var states: [ArraySlice<UInt8>] = []
        for (name, value) in head.fieldLines {
            switch name.count {
            case 11 where name.span.spells("traceparent", in: 0..<11):
                guard parent == nil else { return nil }
                parent = value
            case 10 where name.span.spells("tracestate", in: 0..<10): states.append(value)
            default: continue
            }
        }
        guard let parent else { return nil }
        self.init(traceparent: parent)
        if !states.isEmpty { state = Self.state(of: states) ?? "" }
    }

    /// The number of a span below this one, the same each time: for spans that are known by their place.
    public func child(_ place: Int) -> UInt64 {
        // A step of SplitMix64, which no two places share.
        var mixed = span &+ (UInt64(truncatingIfNeeded: place) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return max(1, mixed ^ (mixed >> 31))
    }

    /// Appends the value of a `traceparent` field.
    public func append(to output: inout [UInt8]) {
        output.append(literal: "00-")
        trace.append(to: &output)
        output.append(.dash)
        output.append(hex: span)
        output.append(literal: isSampled ? "-01" : "-00")
    }
}

/// The 128 bits that all spans of a trace have in common.
public struct TraceID: Sendable, Hashable {
    public let high: UInt64
    public let low: UInt64

    public init(_ high: UInt64, _ low: UInt64) { (self.high, self.low) = (high, low) }

    /// Appends 32 hexadecimal digits.
    public func append(to output: inout [UInt8]) {
        output.append(hex: high)
        output.append(hex: low)
    }
}

extension TraceID: CustomStringConvertible {
    public var description: String { RequestID(high, low).text }
}

// MARK: tracestate

extension TraceContext {
    private static let mostStateBytes = 512
    private static let mostStateMembers = 32

    /// The members of `tracestate` fields as one; nil if one of them is malformed, or names a system twice: then
    /// nothing is passed on (Trace Context §3.3.1). Beyond 512 bytes the last members are left out (§3.3.1.5).
    static func state(of fields: [ArraySlice<UInt8>]) -> String? {
        var members: [ArraySlice<UInt8>] = []
        var keys: Set<ArraySlice<UInt8>> = []
        var bytes = 0
        for field in fields {
            for member in field.split(separator: UInt8(ascii: ",")) {
                let trimmed = member.trimmingBlanks
                if trimmed.isEmpty { continue }
                guard let end = trimmed.firstIndex(of: UInt8(ascii: "=")), isStateKey(trimmed[..<end]),
                    isStateValue(trimmed[(end + 1)...]), keys.insert(trimmed[..<end]).inserted,
                    keys.count <= mostStateMembers
                else { return nil }
                bytes += trimmed.count + 1
                if bytes <= mostStateBytes + 1 { members.append(trimmed) }
            }
        }
        return String(decoding: Array(members.joined(separator: [UInt8(ascii: ",")])), as: UTF8.self)
    }

    /// `key = simple-key / multi-tenant-key`, or what level 2 of the specification has made of it.
    private static func isStateKey(_ key: ArraySlice<UInt8>) -> Bool {
        guard let first = key.first, key.count <= 256, first.isDigit || first.isLowercaseLetter else { return false }
        return key.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "_"), .dash, UInt8(ascii: "*"), UInt8(ascii: "/"), UInt8(ascii: "@"): true
            default: byte.isDigit || byte.isLowercaseLetter
            }
        }
    }

    /// `value = 0*255(chr) nblk-chr`
    private static func isStateValue(_ value: ArraySlice<UInt8>) -> Bool {
        guard let last = value.last, last != .space, value.count <= 256 else { return false }
        return value.allSatisfy { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "=") }
    }
}

extension ArraySlice<UInt8> {
    fileprivate var trimmingBlanks: ArraySlice<UInt8> {
        var rest = self
        while rest.first?.isBlank ?? false { rest.removeFirst() }
        while rest.last?.isBlank ?? false { rest.removeLast() }
        return rest
    }
}

extension UInt8 {
    fileprivate static var dash: UInt8 { UInt8(ascii: "-") }

    fileprivate var isLowercaseLetter: Bool { self &- UInt8(ascii: "a") < 26 }
}

extension Span<UInt8> {
    /// A number of lower-case hexadecimal digits.
    fileprivate func hexNumber(at start: Int, digits: Int) -> UInt64? {
        var number: UInt64 = 0
        for index in start..<start + digits {
            guard let digit = self[index].hexValue, self[index].lowercased == self[index] else { return nil }
            number = number << 4 | UInt64(digit)
        }
        return number
    }
}

extension Array<UInt8> {
    /// Appends sixteen hexadecimal digits.
    package mutating func append(hex number: UInt64) {
        for index in 0..<16 { append(number.hexDigit(index)) }
    }
}
