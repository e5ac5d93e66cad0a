import Gather

/// Checks that concern all calls of an endpoint.
struct EndpointChecks {
    let section: Section
    /// The calls as written in the file.
    let members: [Node.Member]
    /// The calls as read; nil for one with an error.
    let calls: [Call?]

    /// Checks that no two calls put their bodies under the same name. A `response` template has its own names.
    func checkNames() {
        guard section["response"] == nil else { return }
        var taken: [String: String] = [:]
        for (member, call) in zip(members, calls) {
            guard call?.isInternal != true else { continue }
            let name: String
            switch call?.placement {
            case .group(let group): name = group
            case .member: name = member.name
            case .flatten, nil: continue
            }
            let problem: String
            if let other = taken.updateValue(member.name, forKey: name) {
                problem = "the calls '\(other)' and '\(member.name)' both answer under '\(name)'"
            } else if name == "_gather", section["expose"] != nil {
                problem = "the outcomes that 'expose' adds are already under '_gather'"
            } else {
                continue
            }
            let remedy = "choose another name or group"
            if call?.placement != .member, let group = member.value["group"] ?? member.value["flatten"] {
                group.error(problem, remedy: remedy)
            } else {
                member.error(problem, remedy: remedy)
            }
        }
    }

    /// Checks that no calls wait for each other; false, and reported, if some do.
    func checkCycles() -> Bool {
        let inputs = calls.map { Set($0?.references.compactMap(\.call) ?? []).sorted() }
        do throws(CallGraph.Cycle) {
            _ = try CallGraph(inputs: inputs)
            return true
        } catch {
            let names = error.calls.map { members[$0].name }
            members[error.calls[0]].error(
                names.count == 2
                    ? "the call '\(names[0])' refers to itself"
                    : "calls wait for each other: " + names.joined(separator: " → "),
                remedy: "remove one of these references")
            return false
        }
    }

    /// Checks that at least as many calls count towards the quorum as have to succeed.
    func checkQuorum(of endpoint: Endpoint) {
        let counted = endpoint.countedCalls
        guard let quorum = endpoint.policy.successes, quorum > counted.count else { return }
        let reason = "calls that other calls refer to do not count, nor do static ones"
        if counted.isEmpty {
            section["gather"]?.error("no call can decide the gather: \(reason)", remedy: "write 'all', or add a call")
            return
        }
        let names = counted.map { "'\(members[$0].name)'" }.joined(separator: ", ")
        section["gather"]?.error(
            "the quorum is \(quorum), but only \(names) can count towards it: \(reason)",
            remedy: counted.count == 1 ? "write 1" : "write a number from 1 to \(counted.count)")
    }

    /// Warns of timeouts that never expire, because the endpoint's deadline comes first.
    func warnOfTimeouts(beyond deadline: Duration) {
        for (member, call) in zip(members, calls) {
            guard let timeout = call?.timeout, timeout > deadline else { continue }
            member.value["timeout"]?.warning(
                "is longer than the endpoint's deadline of \(deadline.text), so the deadline ends the call first",
                remedy: "write a shorter one, or leave it out")
        }
    }

    /// Warns of defaults such as `{query.x ?? 'x'}`, whose quotes are part of the value.
    private func warnOfQuotes(in references: [Reference], at place: Node) {
        for reference in references {
            guard let fallback = reference.fallback, fallback.starts(with: "\"'".utf8),
                fallback.suffix(2) == Array("'\"".utf8)
            else { continue }
            place.warning(
                "the single quotes of the default in {\(reference.text) ?? …} are part of its text",
                remedy: "leave them out, or write double quotes")
        }
    }

    /// Warns of path parameters that nothing refers to.
    static func warnOfUnused(_ parameters: [String], in references: [Reference], at path: Node?) {
        for (index, name) in parameters.enumerated() where !references.contains(where: { $0.source == .path(index) }) {
            path?.warning(
                "the parameter '\(name)' is not used", remedy: "refer to it as {path.\(name)}, or leave it out")
        }
    }

    /// Warns of what the endpoint declares but does not use.
    func warn(about endpoint: Endpoint, parameters: [String]) {
        for (member, call) in zip(members, endpoint.calls) { warnOfQuotes(in: call.references, at: member.value) }
        if let response = section["response"] {
            warnOfQuotes(in: endpoint.response?.references ?? [], at: response)
        }
        let inCalls = endpoint.calls.flatMap(\.references)
        let references = inCalls + (endpoint.response?.references ?? []) + (endpoint.head?.references ?? [])
        Self.warnOfUnused(parameters, in: references, at: section["path"])
        var used = Set(references.compactMap(\.call))
        if case .call(let call)? = endpoint.head?.status { used.insert(call) }
        for (index, call) in endpoint.calls.enumerated() where endpoint.response != nil || call.isInternal {
            if call.method == .get, !used.contains(index) {
                members[index].warning(
                    "the result of this call is used neither by the response nor by another call",
                    remedy: "use {\(call.name)}, or remove the call")
            }
            if call.placement != .member {
                let call = members[index].value
                (call["group"] ?? call["flatten"] ?? call).warning(
                    endpoint.response == nil
                        ? "has no effect with 'internal', which keeps the body out of the answer"
                        : "has no effect with 'response', which decides what the answer is", remedy: "remove it")
            }
        }
    }
}
