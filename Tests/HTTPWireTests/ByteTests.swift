import Testing

@testable import HTTPWire

@Suite struct ByteTests {
    private let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    private let digits = "0123456789"

    private func members(_ test: (UInt8) -> Bool) -> [UInt8] { (0...255).filter(test) }

    @Test func `the classes of bytes are those of the grammar`() {
        #expect(members(\.isToken) == bytes(letters + digits + "!#$%&'*+-.^_`|~").sorted())
        #expect(members(\.isRegisteredName) == bytes(letters + digits + "-._~!$&'()*+,;=").sorted())
        #expect(members(\.isTarget) == (0x21...0x7E).filter { $0 != UInt8(ascii: "#") && $0 != UInt8(ascii: "%") })
        #expect(members(\.isFieldValue) == [0x09] + Array(0x20...0x7E) + Array(0x80...0xFF))
        #expect(members(\.isDigit) == bytes(digits))
        #expect(members { $0.hexValue != nil } == bytes("0123456789ABCDEFabcdef").sorted())
        #expect(bytes("09afAF").map(\.hexValue) == [0, 9, 10, 15, 10, 15])
        #expect(members { $0.lowercased != $0 } == bytes("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    }

    /// Values are scanned by eight bytes and by one; the border between the two must not show.
    @Test func `a byte of a value is judged alike wherever it stands`() {
        for length in [1, 7, 8, 9, 17] {
            for position in 0..<length {
                for byte in UInt8.min...UInt8.max {
                    var value = [UInt8](repeating: 0xFC, count: length)
                    value[position] = byte
                    let end = value.span.endOfFieldValue(from: 0, before: length)
                    #expect(end == (byte.isFieldValue ? length : position))
                }
            }
        }
    }
}
