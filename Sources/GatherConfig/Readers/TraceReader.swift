import Gather
import HTTPWire

/// Reads `traces:`.
enum TraceReader {
    static func read(_ node: Node) -> TraceSettings? {
        var settings = TraceSettings()
        let keys = [
            "endpoint", "headers", "service", "attributes", "sample", "slow", "queue", "delay", "timeout",
            "compression",
        ]
        guard let section = Section(node, keys: keys) else { return nil }
        settings.endpoint = section["endpoint"].flatMap(readEndpoint)
        if let headers = section["headers"] {
            for (name, value) in HeadersReader.readConstants(headers) { try? settings.headers.append(name, value) }
        }
        settings.service = section["service"]?.text() ?? settings.service
        for member in section["attributes"]?.members(expected: "a mapping of attributes to texts") ?? [] {
            if let value = member.value.text() { settings.attributes.append((member.name, value)) }
        }
        settings.compresses = section["compression"]?.word(of: ["none", "gzip"]) == "gzip"
        let times = Duration.milliseconds(1)...Duration.seconds(3600)
        settings.ratio = section["sample"]?.percentage(in: 0...1) ?? settings.ratio
        settings.slow = section["slow"]?.duration(in: times) ?? settings.slow
        settings.queue = section["queue"]?.integer(in: 1...10_000_000) ?? settings.queue
        settings.delay = section["delay"]?.duration(in: times) ?? settings.delay
        settings.timeout = section["timeout"]?.duration(in: times) ?? settings.timeout
        return settings
    }

    private static func readEndpoint(_ node: Node) -> Origin? {
        guard let text = node.text("a URL such as http://127.0.0.1:4318/v1/traces"),
            let origin = node.read(try Origin(text))
        else { return nil }
        guard origin.socketPath == nil else {
            return node.error(
                "the URL must begin with http:// or https://", remedy: "write http://127.0.0.1:4318/v1/traces")
        }
        // The default path of collectors (OTLP 1.0, "OTLP/HTTP Request").
        return origin.prefix.isEmpty ? node.read(try Origin(origin.base + "/v1/traces")) : origin
    }
}
