import Gather

extension ProxyEndpoint {
    /// The endpoint on one line.
    public func summary(of plan: Plan) -> String {
        let upstream = plan.upstreams[upstream.number]
        return "\(title): passes \(upstream.name) through, head within \((timeout ?? upstream.timeout).text)"
    }

    /// Where its requests go, and how.
    public func text(of plan: Plan) -> String {
        let upstream = plan.upstreams[upstream.number]
        let attempts = upstream.retry?.attempts ?? 1
        let rate = upstream.rateInWords.map { "rate       \($0)\n" } ?? ""
        return """
            \(title)
            passes \(upstream.name) through: its status, fields and content are the answer

            head       within \((timeout ?? upstream.timeout).text), once the request is sent
            content    may stand still for \(stall.text), in either direction
            attempts   \(attempts == 1 ? "1" : "up to \(attempts), where no connection could be made")
            \(rate)
            """
    }

    var title: String {
        let word = methods.count == 1 ? methods[0].rawValue : "any"
        return "\(word) \(path)"
    }
}
