import Gather
import Rehearsal

/// What `/model` says: for each upstream, and for each call of one endpoint, a model of what was observed since the
/// process began, as `gatherd simulate --models` reads it.
struct ModelPage: Sendable {
    private let counted: MetricsSnapshot

    init(_ counted: MetricsSnapshot) { self.counted = counted }

    /// - Parameter endpoint: whose calls get models of their own, by its method and path; nil for none.
    func yaml(of endpoint: String?) -> [UInt8] {
        var text = "# What gatherd has observed since it began, for gatherd simulate --models.\n"
        let upstreams = Dictionary(uniqueKeysWithValues: counted.attemptLatencies.map { ($0.of, observed($0)) })
        for latencies in counted.attemptLatencies {
            guard let model = upstreams[latencies.of].flatMap({ UpstreamModel($0) }) else { continue }
            text += "\"\(latencies.of)\": \"\(model.text)\"\n"
        }
        guard let endpoint else { return Array(text.utf8) }
        for latencies in counted.callLatencies where latencies.of.route.name == endpoint {
            guard let ofUpstream = upstreams[latencies.of.upstream],
                let model = UpstreamModel(observed(latencies, at: ofUpstream))
            else { continue }
            text += "\"\(latencies.of.upstream).\(latencies.of.name)\": \"\(model.text)\"\n"
        }
        return Array(text.utf8)
    }

    private func observed(_ upstream: MetricsSnapshot.Latencies<String>) -> ObservedAttempts {
        var observed = ObservedAttempts(answered: upstream.answered, givenUp: upstream.cut)
        for attempts in counted.attempts where attempts.of.upstream == upstream.of {
            let count = attempts.histogram.count
            switch attempts.of.outcome {
            case .ok: observed.ok += count
            case .httpError:
                if count > 0, let status = Self.status(ofClass: attempts.of.statusClass) {
                    observed.statuses[status, default: 0] += count
                }
            case .timeout: observed.timeouts += count
            case .unreachable: observed.unreachable += count
            case .badResponse: observed.badResponses += count
            case .refused, .shed, .skipped, .cancelled: break
            }
        }
        return observed
    }

    /// A call's own times, as far as it had one attempt each time: the slowest lead to further attempts, and for these
    /// the upstream's times stand in. How often a call fails is known only for calls without further attempts;
    /// otherwise the upstream's rate is used.
    private func observed(
        _ call: MetricsSnapshot.Latencies<MetricsSnapshot.Call>, at upstream: ObservedAttempts
    ) -> ObservedAttempts {
        var observed = ObservedAttempts(answered: call.answered, givenUp: call.cut)
        let single = call.answered.count + call.cut.count
        if call.repeated > 0 {
            observed = observed.with(Double(call.repeated) / Double(single + call.repeated), asSlowAs: upstream)
        }
        let outcomes = counted.callOutcomes.filter {
            $0.call.route.name == call.of.route.name && $0.call.name == call.of.name
                && $0.call.upstream == call.of.upstream
        }
        let counts = Dictionary(outcomes.map { ($0.outcome, $0.count) }, uniquingKeysWith: +)
        guard call.repeated == 0 else {
            (observed.ok, observed.statuses) = (upstream.ok, upstream.statuses)
            (observed.unreachable, observed.timeouts) = (upstream.unreachable, upstream.timeouts)
            observed.badResponses = upstream.badResponses
            return observed
        }
        (observed.ok, observed.unreachable) = (counts[.ok] ?? 0, counts[.unreachable] ?? 0)
        (observed.timeouts, observed.badResponses) = (counts[.timeout] ?? 0, counts[.badResponse] ?? 0)
        let errors = counts[.httpError] ?? 0
        let ofUpstream = upstream.statuses.values.reduce(0, +)
        for (status, count) in upstream.statuses where errors > 0 {
            observed.statuses[status] = errors * count / ofUpstream
        }
        return observed
    }

    /// A status for all of a class: which of them it was is not counted.
    private static func status(ofClass statusClass: Int?) -> Int? {
        switch statusClass {
        case 3: 302
        case 4: 404
        case 5: 500
        default: nil
        }
    }
}

extension MetricsSnapshot.Route {
    fileprivate var name: String { method.map { "\($0.rawValue) \(path)" } ?? "" }
}
