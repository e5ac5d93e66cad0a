import Testing

@testable import HTTPWire

@Suite struct DateFieldTests {
    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (86_399, "Thu, 01 Jan 1970 23:59:59 GMT"),
        (68_169_599, "Mon, 28 Feb 1972 23:59:59 GMT"),
        (68_169_600, "Tue, 29 Feb 1972 00:00:00 GMT"),
        (68_256_000, "Wed, 01 Mar 1972 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (946_684_799, "Fri, 31 Dec 1999 23:59:59 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
        (978_307_199, "Sun, 31 Dec 2000 23:59:59 GMT"),
        (1_709_210_096, "Thu, 29 Feb 2024 12:34:56 GMT"),
        (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
        (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (13_574_563_200, "Tue, 29 Feb 2400 00:00:00 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        // A clock that is wrong beyond four digits stops at the ends.
        (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (Int.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ])
    func `a time is written as IMF-fixdate`(seconds: Int, expected: String) {
        var field = DateField(unixSeconds: seconds)
        #expect(text(field.line) == "Date: \(expected)\r\n")
        field.update(unixSeconds: 0)
        field.update(unixSeconds: seconds)
        #expect(text(field.line) == "Date: \(expected)\r\n")
    }

    @Test func `every day of 400 years follows the one before`() {
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        var field = DateField(unixSeconds: 0)
        var day = 0
        for year in 1970..<2370 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            for month in 0..<12 {
                for dayOfMonth in 1...lengths[month] + (month == 1 && isLeap ? 1 : 0) {
                    field.update(unixSeconds: day * 86_400)
                    let padded = dayOfMonth < 10 ? "0\(dayOfMonth)" : "\(dayOfMonth)"
                    let expected = "Date: \(weekdays[day % 7]), \(padded) \(months[month]) \(year) 00:00:00 GMT\r\n"
                    guard text(field.line) == expected else {
                        Issue.record("\(text(field.line)) is not \(expected)")
                        return
                    }
                    day += 1
                }
            }
        }
    }
}
