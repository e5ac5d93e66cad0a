import HTTPTypes
import Tracing

/// Names of methods by OpenTelemetry's conventions. Clients may invent methods, and so no series and no span is named by
/// one that is not known.
extension HTTPRequest.Method {
    var attribute: String { isKnown ? rawValue : "_OTHER" }

    /// What a span's name begins with.
    var spanName: String { isKnown ? rawValue : "HTTP" }
}

extension SpanAttributes {
    mutating func set(_ method: HTTPRequest.Method) {
        self["http.request.method"] = method.attribute
        if !method.isKnown { self["http.request.method_original"] = method.rawValue }
    }
}
