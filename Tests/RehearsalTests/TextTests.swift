import Testing

@testable import Rehearsal

@Suite struct TextTests {
    @Test(arguments: [
        (0, "0us"), (499, "0us"), (820_000, "820us"), (999_600, "1.00ms"), (1_234_567, "1.23ms"), (9_996_000, "10.0ms"),
        (48_149_999, "48.1ms"), (99_960_000, "100ms"), (999_600_000, "1.00s"), (1_054_999_999, "1.05s"),
        (12_345_000_000, "12.3s"), (99_960_000_000, "100s"), (1_234_500_000_000, "1235s"),
    ])
    func `a duration is shown with three digits`(nanoseconds: Int, text: String) {
        #expect(Duration.nanoseconds(nanoseconds).shortText == text)
    }

    @Test(arguments: [
        (0, 10, "0%"), (10, 10, "100%"), (1, 3, "33.33%"), (1, 100_000, "<0.01%"), (99_999, 100_000, ">99.99%"),
        (1, 1000, "0.10%"), (0, 0, "0%"),
    ])
    func `only none is 0% and only all is 100%`(part: Int, whole: Int, text: String) {
        #expect(SimulationReport.share(part, of: whole) == text)
    }

    @Test func `a table's first column is to the left, the others to the right`() {
        var table = TextTable(["name", "x", "long"])
        table.add(["a", "1000", "1"])
        #expect(table.text == "name     x  long\na     1000     1\n")
    }
}
