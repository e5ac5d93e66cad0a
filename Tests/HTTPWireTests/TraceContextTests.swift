import Testing

@testable import HTTPWire

private let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

@Suite struct TraceContextTests {
    private func context(_ field: String) -> TraceContext? { TraceContext(traceparent: Array(field.utf8)[...]) }

    @Test func `a traceparent is a trace, a span, and whether it is recorded`() throws {
        let read = try #require(context(parent))
        #expect(read.trace == TraceID(0x4bf9_2f35_77b3_4da6, 0xa3ce_929d_0e0e_4736))
        #expect(read.span == 0x00f0_67aa_0ba9_02b7)
        #expect(read.isSampled)
        #expect("\(read.trace)" == "4bf92f3577b34da6a3ce929d0e0e4736")
        var written: [UInt8] = []
        read.append(to: &written)
        #expect(String(decoding: written, as: UTF8.self) == parent)
    }

    @Test(
        "Other bits than that of sampling say nothing",
        arguments: [("00", false), ("01", true), ("02", false), ("03", true), ("fe", false), ("ff", true)])
    func flags(_ flags: String, isSampled: Bool) {
        #expect(context(String(parent.dropLast(2)) + flags)?.isSampled == isSampled)
    }

    @Test(
        "A malformed traceparent is ignored",
        arguments: [
            "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", parent + " ", parent + "x", " " + parent,
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.x",
        ])
    func malformed(_ field: String) { #expect(context(field) == nil) }

    @Test func `of a later version as much is read as this one has`() {
        for field in ["cc" + parentRest, "cc" + parentRest + "-what-the-future-brings", "01" + parentRest + "-"] {
            #expect(context(field)?.isSampled == true, "\(field)")
        }
    }

    private var parentRest: String { String(parent.dropFirst(2)) }

    private func context(ofFields fields: String) throws -> TraceContext? {
        TraceContext(of: try head("GET / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n"))
    }

    @Test func `names of fields are in any letter case, and two traceparents are ignored`() throws {
        #expect(try context(ofFields: "TraceParent: \(parent)\r\n")?.isSampled == true)
        #expect(try context(ofFields: "traceparent: \(parent)\r\ntraceparent: \(parent)\r\n") == nil)
        #expect(try context(ofFields: "tracestate: a=1\r\n") == nil)
        #expect(try context(ofFields: "traceparent: x\r\ntracestate: a=1\r\n") == nil)
    }

    @Test(
        "What other systems say is passed on in its order, or not at all",
        arguments: [
            ("tracestate: a=1\r\ntracestate: b=2\r\n", "a=1,b=2"),
            ("tracestate:  a=1 ,\t , 0b@vendor=x y!~ \r\n", "a=1,0b@vendor=x y!~"),
            ("tracestate: \r\n", ""), ("tracestate: a=1,a=2\r\n", ""), ("tracestate: A=1\r\n", ""),
            ("tracestate: a\r\n", ""), ("tracestate: a=\r\n", ""), ("tracestate: a=1=2\r\n", ""),
            ("tracestate: =1\r\n", ""), ("tracestate: a=\u{FC}\r\n", ""),
        ])
    func states(_ fields: String, state: String) throws {
        #expect(try context(ofFields: "traceparent: \(parent)\r\n\(fields)")?.state == state)
    }

    @Test func `as many members are passed on as fit, and of more than 32 none`() throws {
        func state(_ count: Int, of length: Int) throws -> String? {
            let members = (0..<count).map { "k\($0)=" + String(repeating: "v", count: length) }
            let field = "traceparent: \(parent)\r\ntracestate: \(members.joined(separator: ","))\r\n"
            return try context(ofFields: field)?.state
        }
        #expect(try state(32, of: 1)?.split(separator: ",").count == 32)
        #expect(try state(33, of: 1) == "")
        // Five of 104 bytes are 524 with their commas.
        #expect(try state(5, of: 101)?.split(separator: ",").count == 4)
        #expect(try state(1, of: 257) == "")
    }
}

@Suite struct RequestIDTests {
    @Test(
        "A request's name is a word that can stand anywhere",
        arguments: [
            ("a", true), ("7f3e-A_b.c:d/e+f=g@h~i", true), (String(repeating: "x", count: 128), true), ("", false),
            (String(repeating: "x", count: 129), false), ("a b", false), ("a\"b", false), ("<b>", false),
            ("a;b", false),
            ("a,b", false), ("a\r\nX: y", false), ("\u{E4}", false), ("$(x)", false), ("'", false), ("a\\b", false),
        ])
    func wellFormed(_ name: String, isOne: Bool) { #expect((RequestID(name) != nil) == isOne) }

    @Test func `a random name is 32 digits`() {
        #expect(RequestID(1, 0xFEDC_BA98_7654_3210).text == "0000000000000001fedcba9876543210")
    }
}
