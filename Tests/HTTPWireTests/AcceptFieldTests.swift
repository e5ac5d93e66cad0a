import HTTPWire
import Testing

@Suite struct AcceptFieldTests {
    @Test(
        "A type has the weight of the most specific range",
        arguments: [
            ("text/html", 1000), ("TEXT/Html", 1000), ("text/*", 1000), ("*/*", 1000), ("", 0), (",", 0),
            ("text/plain", 0), ("text/html;q=0.5", 500), ("text/html ; q=0.25, */*", 250), ("*/*, text/*;q=0.3", 300),
            ("*/*;q=0.8,text/html;q=0", 0), ("text/html;level=1;q=0.7", 700), ("text/html;Q=0.123", 123),
            (#"text/html;a=",;q=0";q=0.4"#, 400), (#"text/plain;a="\",text/html""#, 0), ("text/html;q=1.000", 1000),
            // The first of equal ranges counts.
            ("text/html;q=0.1, text/html", 100),
            // A malformed weight makes the range none.
            ("text/html;q=1.001", 0), ("text/html;q=2", 0), ("text/html;q=", 0), ("text/html;q=0.1234", 0),
            ("text/html;q=0x5", 0), ("text/html;q=.5", 0), ("text/html;q=0.a", 0), ("text/html;q=-1, */*;q=0.2", 200),
        ])
    func weights(_ value: String, _ weight: Int) {
        #expect(AcceptField(value).weight(of: "text/html") == weight)
    }

    @Test func `a range by its name is not one that holds it`() {
        let field = AcceptField("text/*;q=0.5, a/b")
        #expect(field.weight(named: "text/html") == nil)
        #expect(field.weight(named: "text/*") == 500)
        #expect(field.weight(named: "a/b") == 1000)
    }
}
