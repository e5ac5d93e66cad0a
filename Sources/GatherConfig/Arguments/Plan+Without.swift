import Gather

extension Plan {
    /// The precautions that can be removed from an upstream, and how.
    private static let removals: KeyValuePairs<String, @Sendable (inout Upstream) -> Void> = [
        "retry": { $0.retry = nil },
        "hedge": { $0.hedge = nil },
        "breaker": { $0.breaker = nil },
        "eject": { $0.ejection = nil },
        "health": { $0.health = nil },
        "coalesce": { $0.coalesces = false },
        "adaptive_limit": { $0.adaptsLimit = false },
    ]

    /// The plan without the precautions that an argument names, such as `hedge,retry`, at any upstream.
    public func without(_ list: String) throws(UsageError) -> Plan {
        var plan = self
        for name in list.split(separator: ",").map({ String($0) }) {
            guard let remove = Self.removals.first(where: { $0.key == name })?.value else {
                throw UsageError(
                    "--without \(quoted(list))", "no upstream has \(quoted(name))",
                    remedy(for: name, among: Self.removals.map(\.key)))
            }
            for index in plan.upstreams.indices { remove(&plan.upstreams[index]) }
        }
        return plan
    }
}
