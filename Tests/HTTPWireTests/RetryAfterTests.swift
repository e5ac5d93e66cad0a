import Testing

@testable import HTTPWire

@Suite struct RetryAfterTests {
    /// Sun, 06 Nov 1994 08:49:37 GMT
    private static let example = 784_111_777

    @Test(
        "Each of the three forms of a date is the time until then",
        arguments: [
            "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        ])
    func forms(_ date: String) {
        for earlier in [0, 1, 59, 86_400, 31_536_000] {
            #expect(RetryAfter.seconds(date, sent: nil, clock: Self.example - earlier) == earlier)
        }
    }

    @Test(
        "A date's seconds are those since 1970",
        arguments: [
            ("Thu, 01 Jan 1970 00:00:05 GMT", 5), ("Thu Jan  1 00:00:05 1970", 5),
            ("Thu, 29 Feb 2024 12:34:56 GMT", 1_709_210_096), ("Thursday, 29-Feb-24 12:34:56 GMT", 1_709_210_096),
            ("Thu Feb 29 12:34:56 2024", 1_709_210_096), ("Tue, 19 Jan 2038 03:14:08 GMT", 2_147_483_648),
            ("Tuesday, 19-Jan-38 03:14:08 GMT", 2_147_483_648), ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
        ])
    func dates(_ date: String, _ time: Int) {
        #expect(RetryAfter.seconds(date, sent: nil, clock: time - 5) == 5)
    }

    @Test func `the response's own date counts, and our clock only if that date is missing or malformed`() {
        let (due, sent) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:30 GMT")
        #expect(RetryAfter.seconds(due, sent: sent, clock: 0) == 7)
        #expect(RetryAfter.seconds(due, sent: "Sunday, 06-Nov-94 08:49:30 GMT", clock: 0) == 7)
        #expect(RetryAfter.seconds(due, sent: "soon", clock: Self.example - 3) == 3)
        #expect(RetryAfter.seconds("4", sent: sent, clock: 0) == 4)
    }

    @Test func `what is past is now, and what is far is a year`() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT"
        #expect(RetryAfter.seconds(date, sent: nil, clock: Self.example + 1) == 0)
        #expect(RetryAfter.seconds(date, sent: "Fri, 31 Dec 9999 23:59:59 GMT", clock: 0) == 0)
        #expect(RetryAfter.seconds("Fri, 31 Dec 9999 23:59:59 GMT", sent: date, clock: 0) == 31_536_000)
        #expect(RetryAfter.seconds("31536001", sent: nil, clock: 0) == 31_536_000)
        #expect(RetryAfter.seconds("99999999999999999999", sent: nil, clock: 0) == 31_536_000)
    }

    @Test(
        "What is neither says nothing",
        arguments: [
            "", " ", "-1", "+1", "1.5", "1e3", "7s", "7 seconds", "7, 7", "0x7", "٧", "soon", "Sun", "2026-11-22",
            "2026-11-22T10:00:00Z", "Sun, 06 Nov 1994 25:00:00 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nie 1994 08:49:37 GMT", "Sun, 29 Feb 2023 08:49:37 GMT", "Son, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37", "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 06 08:49:37 1994 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
            String(repeating: "x", count: 10_000),
        ])
    func garbage(_ value: String) {
        #expect(RetryAfter.seconds(value, sent: nil, clock: 0) == nil)
    }
}
