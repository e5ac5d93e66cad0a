import Testing

@testable import HTTPWire

@Suite struct RequestLimitTests {
    private func limits(_ change: (inout WireLimits) -> Void) -> WireLimits {
        var limits = WireLimits()
        change(&limits)
        return limits
    }

    @Test func `a head of exactly the limit is accepted, and one byte more is not`() {
        let input = bytes("GET / HTTP/1.1\r\nHost: a\r\nX: yz\r\n\r\n")
        let exact = limits { $0.headBytes = input.count }
        let short = limits { $0.headBytes = input.count - 1 }
        #expect(parse(input, limits: exact) == parse(input))
        #expect(parse(input, limits: short) == .failed(.headTooLarge))
        // As soon as the limit is reached, not when the head ends.
        #expect(parse(Array(input.dropLast()), limits: short) == .failed(.headTooLarge))
        #expect(parse(Array(input.dropLast(2)), limits: short) == .needMore)
        // What follows the head does not count.
        #expect(parse(input + bytes("more"), limits: exact) == parse(input))
    }

    @Test func `a target of exactly the limit is accepted, and one byte more is not`() {
        let limits = limits { $0.targetBytes = 10 }
        let rest = " HTTP/1.1\r\nHost: a\r\n\r\n"
        #expect(parse(bytes("GET /123456789\(rest)"), limits: limits) == parse(bytes("GET /123456789\(rest)")))
        #expect(parse(bytes("GET /123456789"), limits: limits) == .needMore)
        #expect(parse(bytes("GET /1234567890"), limits: limits) == .failed(.targetTooLong))
        #expect(parse(bytes("GET /1234567%41"), limits: limits) == .failed(.targetTooLong))
        #expect(parse(bytes("GET /123456%41\(rest)"), limits: limits) == parse(bytes("GET /123456%41\(rest)")))
        #expect(parse(bytes("GET /1234567890"), cuts: [4, 9, 14], limits: limits) == .failed(.targetTooLong))
    }

    @Test func `the default limits are those of the contract`() {
        let defaults = WireLimits()
        let line = "GET /\(String(repeating: "a", count: defaults.targetBytes))"
        #expect(parse(bytes(line)) == .failed(.targetTooLong))
        #expect(defaults.targetBytes == 8192)
        let field = "GET / HTTP/1.1\r\nX: \(String(repeating: "a", count: defaults.headBytes))"
        #expect(parse(bytes(field)) == .failed(.headTooLarge))
        #expect(defaults.headBytes == 16384)
        #expect(defaults.fieldCount == 100)
        #expect(defaults.bodyBytes == 1_048_576)
    }

    @Test func `as many fields as the limit are accepted, and one more is not`() {
        let limits = limits { $0.fieldCount = 3 }
        let three = "GET / HTTP/1.1\r\nHost: a\r\nB: b\r\nC: c\r\n"
        #expect(parse(bytes(three + "\r\n"), limits: limits) == parse(bytes(three + "\r\n")))
        #expect(parse(bytes(three + "D"), limits: limits) == .failed(.tooManyFields))
    }

    @Test func `a method longer than any is refused`() {
        #expect(parse(bytes(String(repeating: "A", count: 64))) == .needMore)
        #expect(parse(bytes(String(repeating: "A", count: 65))) == .failed(.methodTooLong))
    }

    @Test func `a content length above the limit is refused before anything is read`() throws {
        let limits = limits { $0.bodyBytes = 10 }
        #expect(throws: Never.self) { try BodyReader(.length(10), limits: limits) }
        #expect(throws: RequestError.contentTooLarge) { try BodyReader(.length(11), limits: limits) }
    }
}
