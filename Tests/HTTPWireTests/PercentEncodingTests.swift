import Testing

@testable import HTTPWire

@Suite struct PercentEncodingTests {
    @Test(
        arguments: [
            ("", ""), ("abc", "abc"), ("a%20b", "a b"), ("%2F%2f", "//"), ("%C3%BC", "ü"), ("ü", "ü"), ("a+b", "a+b"),
            ("%25%32%30", "%20"),
        ] as [(String, String)])
    func `a segment is decoded once`(encoded: String, decoded: String) {
        #expect(PercentEncoding.decodeText(bytes(encoded)[...]) == decoded)
        #expect(PercentEncoding.decode(bytes(encoded)[...]) == bytes(decoded))
    }

    @Test(arguments: ["%", "%2", "a%", "%zz", "%2 ", "%+1"])
    func `a malformed triplet has no meaning`(encoded: String) {
        #expect(PercentEncoding.decode(bytes(encoded)[...]) == nil)
        #expect(PercentEncoding.decodeText(bytes(encoded)[...]) == nil)
    }

    @Test(arguments: ["%FF", "%C3", "%C3x", "%ED%A0%80", "%C0%AF"])
    func `bytes that are not UTF-8 are bytes but no text`(encoded: String) {
        #expect(PercentEncoding.decode(bytes(encoded)[...]) != nil)
        #expect(PercentEncoding.decodeText(bytes(encoded)[...]) == nil)
    }

    @Test func `a slice is decoded within its bounds`() {
        #expect(PercentEncoding.decodeText(bytes("xx%41yy%42")[2..<7]) == "Ayy")
        #expect(PercentEncoding.decodeText(bytes("xx%41")[2..<4]) == nil)
    }

    @Test(
        arguments: [
            ("", []), ("a=1", ["a=1"]), ("a=1&b=2&a=3", ["a=1", "b=2", "a=3"]), ("a", ["a="]), ("a=", ["a="]),
            ("=a", ["=a"]), ("&&a&", ["a="]), ("a=b=c", ["a=b=c"]), ("a+b=%2B+%26", ["a b=+ &"]),
            ("%61=%FF", ["a=nil"]), ("a;b=1", ["a;b=1"]),
        ] as [(String, [String])])
    func `a query is a list of names and values`(query: String, items: [String]) {
        let found = QueryItems(bytes(query)[...]).map { "\($0.name ?? "nil")=\($0.value ?? "nil")" }
        #expect(found == items)
    }

    @Test func `a parameter is found by its decoded name`() {
        let items = QueryItems(bytes("a+b=1&a%2Bb=2&c=3&c=4")[...])
        #expect(items["a b"] == "1")
        #expect(items["a+b"] == "2")
        #expect(items["c"] == "3")
        #expect(items["d"] == nil)
        #expect(QueryItems(nil)["a"] == nil)
    }
}
