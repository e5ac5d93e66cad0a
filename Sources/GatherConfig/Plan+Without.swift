import Gather

extension Plan {
    private static let precautions = ["retry", "hedge", "breaker", "eject"]

    /// The same plan without what an argument names of its upstreams' precautions: `hedge,retry`.
    public func without(_ list: String) throws(UsageError) -> Plan {
        var plan = self
        for name in list.split(separator: ",").map({ String($0) }) {
            guard Self.precautions.contains(name) else {
                throw UsageError(
                    "--without \(quoted(list))", "no upstream has \(quoted(name))",
                    remedy(for: name, among: Self.precautions))
            }
            for index in plan.upstreams.indices {
                switch name {
                case "retry": plan.upstreams[index].retry = nil
                case "hedge": plan.upstreams[index].hedge = nil
                case "breaker": plan.upstreams[index].breaker = nil
                default: plan.upstreams[index].ejection = nil
                }
            }
        }
        return plan
    }
}
