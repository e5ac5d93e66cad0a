import Testing

@testable import DemoUpstream

struct DurationTextTests {
    @Test(
        "A duration is a number and its unit",
        arguments: [
            ("0ms", .zero), ("150ms", .milliseconds(150)), ("2s", .seconds(2)), ("7us", .microseconds(7)),
            ("1.5s", .milliseconds(1500)), ("0.000000001s", .nanoseconds(1)), ("999999999s", .seconds(999_999_999)),
        ] as [(String, Duration)])
    func reads(_ text: String, _ expected: Duration) {
        #expect(Duration(text: text) == expected)
    }

    @Test(
        "Anything else is no duration",
        arguments: [
            "", "s", "1", "1 s", "1S", "1h", "-1s", "+1s", "1.s", ".5s", "1.2.3s", "1e3s", "٣s", "1000000000s",
            "0.0000000001s", "1sms", "½s",
        ])
    func refuses(_ text: String) {
        #expect(Duration(text: text) == nil)
    }
}
