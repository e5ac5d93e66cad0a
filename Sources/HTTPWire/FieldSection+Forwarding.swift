public import HTTPTypes

/// Fields of a message that is passed on to another server, or back.
extension FieldSection {
    /// The fields of a request that may be sent on, in their order and with their bytes: without those that frame a
    /// message or belong to one connection, also by what `Connection` names (RFC 9110 §7.6.1), and without `Expect`,
    /// which the server has answered itself.
    ///
    /// - Parameter isKept: whether a field is sent on, by its name.
    public init(forwarding head: RequestHead, where isKept: (Span<UInt8>) -> Bool) {
        let held = head.bytes
        let source = held.span
        var bytes: [UInt8] = []
        bytes.reserveCapacity(source.count)
        var named = ConnectionOptions()
        for line in head.lines where source.spells("connection", in: line.name) {
            named.add(source.extracting(line.value))
        }
        for line in head.lines {
            let name = source.extracting(line.name)
            guard !name.isFramingField(0..<name.count), !name.endsAtGateway, isKept(name) else { continue }
            if named.contains(name) { continue }
            bytes.append(copying: name)
            bytes.append(literal: ": ")
            bytes.append(copying: source.extracting(line.value))
            bytes.append(literal: "\r\n")
        }
        // What makes it up was a part of a head that a parser has found well-formed.
        self.init(wellFormed: bytes)
    }

    /// Removes what a response must not have that is passed on: the framing, what belongs to one connection, and the
    /// challenge of a proxy to us (RFC 9110 §11.7.1).
    public mutating func removeHopByHop() {
        removeFraming()
        remove(.proxyAuthenticate)
    }

    /// Puts one value in the place of all of a field's.
    ///
    /// - Throws: for a value with a control character; the field is gone then.
    public mutating func replace(_ name: HTTPField.Name, with value: Span<UInt8>) throws(FieldError) {
        remove(name)
        try append(name.rawName.utf8Span.span, value)
    }
}

extension Span<UInt8> {
    /// Whether the field of this name is for this server alone, though it does not frame anything.
    fileprivate var endsAtGateway: Bool {
        switch count {
        case 6: spells("expect", in: 0..<count)
        case 14: spells("http2-settings", in: 0..<count)
        case 19: spells("proxy-authorization", in: 0..<count)
        default: false
        }
    }
}
