/// Reads dates in the three forms that a recipient has to accept (RFC 9110 §5.6.7).
///
/// The weekday has to be one, and is not compared with the date.
enum HTTPDate {
    /// The seconds since 1970-01-01 00:00:00 UTC; nil if the text is not a date.
    static func unixSeconds(_ text: String) -> Int? { unixSeconds(text.utf8Span.span) }

    static func unixSeconds(_ text: Span<UInt8>) -> Int? {
        guard let comma = (0..<text.count).first(where: { text[$0] == UInt8(ascii: ",") }) else { return asctime(text) }
        return comma == 3 ? fixdate(text) : rfc850(text, comma)
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    private static func fixdate(_ text: Span<UInt8>) -> Int? {
        guard text.count == 29, isWeekday(text.extracting(0..<3)), isBlank(text, 4, 7, 11, 16),
            text.spells("gmt", in: 26..<29), isBlank(text, 25), let time = time(text.extracting(17..<25))
        else { return nil }
        return seconds(
            number(text, 12..<16), month(text.extracting(8..<11)), number(text, 5..<7), time)
    }

    /// `Sunday, 06-Nov-94 08:49:37 GMT`: two digits above 70 are a year of the last century.
    private static func rfc850(_ text: Span<UInt8>, _ comma: Int) -> Int? {
        guard isLongWeekday(text.extracting(0..<comma)), text.count == comma + 24 else { return nil }
        let rest = text.extracting((comma + 1)...)
        guard isBlank(rest, 0, 10, 19), rest[3] == UInt8(ascii: "-"), rest[7] == UInt8(ascii: "-"),
            rest.spells("gmt", in: 20..<23), let time = time(rest.extracting(11..<19)), let year = number(rest, 8..<10)
        else { return nil }
        return seconds(
            year > 70 ? 1900 + year : 2000 + year, month(rest.extracting(4..<7)), number(rest, 1..<3), time)
    }

    /// `Sun Nov  6 08:49:37 1994`
    private static func asctime(_ text: Span<UInt8>) -> Int? {
        guard text.count == 24, isWeekday(text.extracting(0..<3)), isBlank(text, 3, 7, 10, 19),
            let time = time(text.extracting(11..<19))
        else { return nil }
        let day = text[8] == .space ? number(text, 9..<10) : number(text, 8..<10)
        return seconds(number(text, 20..<24), month(text.extracting(4..<7)), day, time)
    }

    // MARK: Parts

    /// `08:49:37`, in seconds; a leap second is one.
    private static func time(_ text: Span<UInt8>) -> Int? {
        guard text[2] == UInt8(ascii: ":"), text[5] == UInt8(ascii: ":"), let hour = number(text, 0..<2),
            let minute = number(text, 3..<5), let second = number(text, 6..<8), hour < 24, minute < 60, second <= 60
        else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    private static func seconds(_ year: Int?, _ month: Int?, _ day: Int?, _ time: Int) -> Int? {
        guard let year, let month, let day else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard year > 0, (1...lengths[month]).contains(day) else { return nil }
        // Of the years before, and 719,162 days from 0001-01-01 to 1970-01-01.
        let past = year - 1
        let days = past * 365 + past / 4 - past / 100 + past / 400 + lengths[..<month].reduce(0, +) + day - 1
        return (days - 719_162) * 86_400 + time
    }

    private static func number(_ text: Span<UInt8>, _ range: Range<Int>) -> Int? { text.shortNumber(in: range) }

    private static func isBlank(_ text: Span<UInt8>, _ indices: Int...) -> Bool {
        indices.allSatisfy { text[$0] == .space }
    }

    private static func month(_ text: Span<UInt8>) -> Int? {
        let names: [StaticString] = [
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ]
        return names.firstIndex { text.spells($0, in: 0..<3) }
    }

    private static func isWeekday(_ text: Span<UInt8>) -> Bool {
        let names: [StaticString] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        return names.contains { text.spells($0, in: 0..<3) }
    }

    private static func isLongWeekday(_ text: Span<UInt8>) -> Bool {
        let names: [StaticString] = [
            "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
        ]
        return names.contains { text.spells($0, in: 0..<text.count) }
    }
}
