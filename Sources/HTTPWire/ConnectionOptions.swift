/// The fields that a message's `Connection` fields name, which belong to one connection (RFC 9110 §7.6.1).
struct ConnectionOptions {
    /// In lower case. Looked up, because a sender may name thousands.
    private var names: Set<[UInt8]> = []

    /// Adds the members of a `Connection` field.
    mutating func add(_ value: Span<UInt8>) {
        var rest = 0..<value.count
        while let member = value.nextMember(of: &rest) {
            // What nearly all of them say, and no field that is passed on is called.
            if value.spells("close", in: member) || value.spells("keep-alive", in: member) { continue }
            names.insert(value.extracting(member).lowercased)
        }
    }

    func contains(_ name: Span<UInt8>) -> Bool { !names.isEmpty && names.contains(name.lowercased) }
}

extension Span<UInt8> {
    fileprivate var lowercased: [UInt8] { Array(copying: self).map(\.lowercased) }
}
