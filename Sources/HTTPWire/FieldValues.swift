/// Parts of field values, as ranges of the bytes that they stand in.
extension Span<UInt8> {
    /// Takes the next member off a comma-separated list, without blanks around it; skips empty ones (RFC 9110 §5.6.1).
    func nextMember(of rest: inout Range<Int>) -> Range<Int>? {
        while !rest.isEmpty {
            var end = rest.lowerBound
            while end < rest.upperBound, self[end] != UInt8(ascii: ",") { end += 1 }
            var member = rest.lowerBound..<end
            rest = min(end + 1, rest.upperBound)..<rest.upperBound
            while let first = member.first, self[first].isBlank { member.removeFirst() }
            member = withoutBlanksAtEnd(member)
            if !member.isEmpty { return member }
        }
        return nil
    }

    func withoutBlanksAtEnd(_ value: Range<Int>) -> Range<Int> {
        var end = value.upperBound
        while end > value.lowerBound, self[end &- 1].isBlank { end &-= 1 }
        return value.lowerBound..<end
    }

    /// A number of at most 18 digits, which overflows nothing; nil if it is anything else.
    func shortNumber(in range: Range<Int>) -> Int? {
        guard (1...18).contains(range.count) else { return nil }
        var number = 0
        for index in range {
            guard self[index].isDigit else { return nil }
            number = number &* 10 &+ Int(self[index] &- UInt8(ascii: "0"))
        }
        return number
    }

    /// A length in decimal digits; nil if it is anything else (RFC 9110 §8.6).
    ///
    /// - Throws: `.tooLarge(.content)` for one that no limit can allow.
    func contentLength(in range: Range<Int>) throws(MessageError) -> Int? {
        guard !range.isEmpty else { return nil }
        var length = 0
        var isOverflowing = false
        for index in range {
            guard self[index].isDigit else { return nil }
            let (tens, overflow) = length.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(self[index] &- UInt8(ascii: "0")))
            isOverflowing = isOverflowing || overflow || carry
            length = sum
        }
        guard !isOverflowing else { throw .tooLarge(.content) }
        return length
    }
}
