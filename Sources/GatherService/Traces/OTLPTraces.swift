import EventLoop
import Gather
import GatherConfig
import HTTPWire
import JSONText

/// Spans as OTLP has them in its JSON form (opentelemetry-proto 1.0).
enum OTLPTraces {
    static func json(_ requests: [TracedRequest], _ settings: TraceSettings) -> [UInt8] {
        var resource = SpanAttributes()
        resource.add("service.name", settings.service)
        for (name, value) in settings.attributes { resource.add(name, value) }
        let spans = requests.flatMap { TraceSpan.all(of: $0) }
        // One of each: a resource, which is this service, and a scope, which is this program.
        return JSONText.object { json in
            json.objects("resourceSpans", of: [resource]) { json, resource in
                json.object("resource") { resource.write(to: &$0) }
                json.objects("scopeSpans", of: [spans]) { json, spans in
                    json.object("scope") { $0.member("name", "gatherd") }
                    json.objects("spans", of: spans) { $1.write(to: &$0) }
                }
            }
        }
    }
}

/// A span as it is sent.
struct TraceSpan {
    enum Kind: Int { case `internal` = 1, server, client }

    let context: TraceContext
    let id: UInt64
    let parent: UInt64?
    let isParentRemote: Bool
    let name: String
    let kind: Kind
    /// In nanoseconds since 1970.
    let start: Int64
    let end: Int64
    var attributes = SpanAttributes()
    var isError = false
    /// What went wrong, for people.
    var problem: String?
    /// The spans that it has waited for.
    var links: [UInt64] = []
    var events: [(name: String, at: Int64, attributes: SpanAttributes)] = []

    fileprivate func write(to json: inout JSONWriter) {
        json.member("traceId", "\(context.trace)")
        json.member("spanId", Self.hex(id))
        if let parent { json.member("parentSpanId", Self.hex(parent)) }
        if !context.state.isEmpty { json.member("traceState", context.state) }
        // The lowest bit is that of traceparent; the ninth says that the tenth says whether the parent is elsewhere.
        json.member("flags", (context.isSampled ? 1 : 0) | 0x100 | (isParentRemote ? 0x200 : 0))
        json.member("name", name)
        json.member("kind", kind.rawValue)
        json.member("startTimeUnixNano", "\(start)")
        json.member("endTimeUnixNano", "\(end)")
        attributes.write(to: &json)
        if !events.isEmpty {
            json.objects("events", of: events) { json, event in
                json.member("timeUnixNano", "\(event.at)")
                json.member("name", event.name)
                event.attributes.write(to: &json)
            }
        }
        if !links.isEmpty {
            json.objects("links", of: links) { json, link in
                json.member("traceId", "\(context.trace)")
                json.member("spanId", Self.hex(link))
            }
        }
        guard isError else { return }
        json.object("status") { json in
            json.member("code", 2)
            if let problem { json.member("message", problem) }
        }
    }

    static func hex(_ number: UInt64) -> String {
        var digits: [UInt8] = []
        digits.append(hex: number)
        return String(decoding: digits, as: UTF8.self)
    }
}

/// Names with values, of a span or of what has sent it.
struct SpanAttributes {
    private enum Value {
        case text(String)
        case number(Int)
        case flag(Bool)
    }

    private var all: [(name: String, value: Value)] = []

    mutating func add(_ name: String, _ text: String?) { if let text { all.append((name, .text(text))) } }

    mutating func add(_ name: String, _ number: Int?) { if let number { all.append((name, .number(number))) } }

    mutating func add(_ name: String, _ flag: Bool) { all.append((name, .flag(flag))) }

    fileprivate func write(to json: inout JSONWriter) {
        json.objects("attributes", of: all) { json, attribute in
            json.member("key", attribute.name)
            json.object("value") { json in
                switch attribute.value {
                case .text(let text): json.member("stringValue", text)
                // 64-bit numbers are strings in the JSON form of protocol buffers.
                case .number(let number): json.member("intValue", "\(number)")
                case .flag(let flag): json.member("boolValue", flag)
                }
            }
        }
    }
}
