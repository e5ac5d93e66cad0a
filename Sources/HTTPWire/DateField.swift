/// The `Date` field line, formatted again only when the second changes (RFC 9110 §6.6.1).
///
/// A server keeps one per event loop, tells it the time once per turn, and hands it to the serialiser.
public struct DateField: Sendable {
    /// `Date: Sun, 06 Nov 1994 08:49:37 GMT` with CR LF: IMF-fixdate (RFC 9110 §5.6.7).
    private(set) var line: [UInt8]
    private var seconds: Int

    /// Makes the field line for a time in seconds since 1970-01-01 00:00:00 UTC.
    public init(unixSeconds: Int) {
        line = []
        seconds = unixSeconds
        format()
    }

    /// Moves to another time. O(1), and nothing but a comparison within the same second.
    public mutating func update(unixSeconds: Int) {
        guard unixSeconds != seconds else { return }
        seconds = unixSeconds
        format()
    }

    private mutating func format() {
        // The format has four digits for the year; a clock beyond them is wrong, and no reason to stop serving.
        let clamped = min(max(seconds, 0), 253_402_300_799)
        let (days, second) = clamped.quotientAndRemainder(dividingBy: 86_400)
        let date = CalendarDate(daysSince1970: days)

        line.removeAll(keepingCapacity: true)
        line.append(literal: "Date: ")
        line.append(text: Self.weekdays[date.weekday])
        line.append(literal: ", ")
        line.append(padded: date.day, digits: 2)
        line.append(.space)
        line.append(text: Self.months[date.month - 1])
        line.append(.space)
        line.append(padded: date.year, digits: 4)
        line.append(.space)
        line.append(padded: second / 3600, digits: 2)
        line.append(UInt8(ascii: ":"))
        line.append(padded: second / 60 % 60, digits: 2)
        line.append(UInt8(ascii: ":"))
        line.append(padded: second % 60, digits: 2)
        line.append(literal: " GMT\r\n")
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}

/// A day of the Gregorian calendar.
private struct CalendarDate {
    var year: Int
    /// 1 to 12.
    var month: Int
    var day: Int
    /// 0 is Sunday.
    var weekday: Int

    init(daysSince1970: Int) {
        weekday = (daysSince1970 + 4) % 7  // 1970-01-01 was a Thursday

        // Years are counted from 1 March here, so that a leap day is the last of its year. 1970-01-01 is 306 days
        // into such a year, and 719,468 days after 0000-03-01.
        let (era, dayOfEra) = (daysSince1970 + 719_468).quotientAndRemainder(dividingBy: 146_097)
        // The last day of 4, 100 and 400 years is the irregular one: cap what it would round up to.
        let century = min(dayOfEra / 36_524, 3)
        let dayOfCentury = dayOfEra - century * 36_524
        let quad = dayOfCentury / 1_461
        let dayOfQuad = dayOfCentury % 1_461
        let yearOfQuad = min(dayOfQuad / 365, 3)
        var dayOfYear = dayOfQuad - yearOfQuad * 365

        year = era * 400 + century * 100 + quad * 4 + yearOfQuad
        month = 3
        for length in [31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 29] {
            guard dayOfYear >= length else { break }
            dayOfYear -= length
            month += 1
        }
        if month > 12 {
            month -= 12
            year += 1
        }
        day = dayOfYear + 1
    }
}
