import EventLoop
import Gather

/// The services that their backends ask: one upstream for the same hosts with the same circuit breaker, and one for each
/// backend with a limit of calls.
struct KrakenDUpstreams {
    private struct Key: Hashable {
        let hosts: [String]
        let breaker: String
        let hasRate: Bool
    }

    private struct Value {
        let name: String
        let key: Key
        /// The longest that an endpoint waits for it.
        var timeout: Duration
        var text: ImportedText
    }

    private var values: [Value] = []

    /// The name of the upstream for a backend.
    mutating func name(
        of hosts: [String], breaker: ImportedText, rate: ImportedText, within timeout: Duration
    ) -> String {
        let key = Key(hosts: hosts, breaker: breaker.lines.joined(), hasRate: !rate.lines.isEmpty)
        if !key.hasRate, let index = values.firstIndex(where: { $0.key == key }) {
            values[index].timeout = max(values[index].timeout, timeout)
            return values[index].name
        }
        let name = unusedName(of: hosts[0])
        var text = breaker
        text.append(rate)
        values.append(Value(name: name, key: key, timeout: timeout, text: text))
        return name
    }

    func text(_ service: KrakenDService) -> ImportedText {
        var upstreams = ImportedText()
        for value in values {
            var upstream = ImportedText()
            upstream.line("hosts", list: value.key.hosts)
            upstream.line("timeout: \(value.timeout.text)")
            // As many as Go's client follows.
            upstream.line("redirects: 10")
            for (name, duration) in service.connections
            where (.milliseconds(1)...Duration.seconds(3600)).contains(duration) {
                upstream.line(name == "dns.ttl" ? "dns: { ttl: \(duration.text) }" : "\(name): \(duration.text)")
            }
            upstream.append(value.text)
            upstreams.section(value.name, upstream)
        }
        var text = ImportedText()
        if !values.isEmpty { text.section("upstreams", upstreams) }
        return text
    }

    /// The first label of a host, or if that is taken more of it.
    private func unusedName(of host: String) -> String {
        let authority = host.replacing("https://", with: "").replacing("http://", with: "").prefix { $0 != "/" }
        let name = authority.prefix { $0 != ":" }
        let isAddress = name.allSatisfy { $0.isNumber || $0 == "." } || host.contains("[")
        let label = isAddress ? authority : name.prefix { $0 != "." }
        for candidate in [label, name, authority] where !candidate.isEmpty {
            let valid = Self.validName(candidate)
            if !values.contains(where: { $0.name == valid }) { return valid }
        }
        return Self.unused(Self.validName(label), besides: values.map(\.name))
    }

    /// A name, with a number after it if it is taken.
    static func unused(_ name: String, besides taken: [String]) -> String {
        var (unused, number) = (name, 2)
        while taken.contains(unused) {
            unused = "\(name)-\(number)"
            number += 1
        }
        return unused
    }

    /// A name made of a text.
    static func validName(_ text: Substring) -> String {
        let name = String(text.map { Name.isValid("_\($0)") ? $0 : "-" })
        return Name.isValid(name) ? name : "host-" + name
    }

    /// Hosts as they are here, each with its scheme; nil for one that is not an HTTP service.
    static func origin(_ host: String) -> String? {
        let withScheme = host.contains("://") ? host : "http://" + host
        let text = withScheme.hasSuffix("/") ? String(withScheme.dropLast()) : withScheme
        return (try? Origin(text)) == nil ? nil : text
    }

    /// Their circuit breaker.
    static func breaker(_ breaker: TheirMapping, at position: Position) -> ImportedText {
        var text = ImportedText()
        func seconds(_ key: String) -> String? {
            guard let count = text.value(of: breaker.take(key), \.number), count > 0 else { return nil }
            return Duration.seconds(Int(count)).text
        }
        let errors = text.value(of: breaker.take("max_errors", "maxErrors"), \.number).flatMap { $0 >= 0 ? $0 : nil }
        let members: [(name: String, value: String?)] = [
            ("min_calls", errors.map { "\(Int($0) + 1)" }), ("window", seconds("interval")),
            ("open_for", seconds("timeout")),
        ]
        text.differs(
            "qos/circuit-breaker",
            "opens for all endpoints when half of the attempts in 'window' have failed; KrakenD counts consecutive errors of each backend",
            at: position)
        text.line("breaker: \(YAMLText.flow(members))")
        return text
    }
}
