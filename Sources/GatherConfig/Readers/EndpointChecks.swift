import Gather

/// What is checked about the calls of an endpoint together.
struct EndpointChecks {
    let section: Section
    /// The calls as the file has them.
    let members: [Node.Member]
    /// What was read of them; nil for a call with an error.
    let calls: [Call?]

    /// Checks that no two calls put their bodies under one name. A response template decides on the names itself.
    func checkNames() {
        guard section["response"] == nil else { return }
        var taken: [String: String] = [:]
        for (member, call) in zip(members, calls) {
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
                problem = "the outcomes that 'expose' adds are under '_gather' already"
            } else {
                continue
            }
            let remedy = "choose another name or group"
            if call?.placement != .member, let group = Section.group(of: member) {
                group.error(problem, remedy: remedy)
            } else {
                member.error(problem, remedy: remedy)
            }
        }
    }

    /// Reports calls that wait for each other; false if there are some.
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
                remedy: "remove one of the references on this way")
            return false
        }
    }

    /// Checks that as many calls count as have to succeed.
    func checkQuorum(of endpoint: Endpoint) {
        guard case .quorum(let quorum) = endpoint.policy else { return }
        let counted = endpoint.countedCalls
        guard quorum > counted.count else { return }
        let names = counted.map { "'\(members[$0].name)'" }.joined(separator: ", ")
        section["gather"]?.error(
            "the quorum is \(quorum), but what counts is only \(names): no other call refers to \(counted.count > 1 ? "them" : "it")",
            remedy: "write a number from 1 to \(counted.count)")
    }

    /// Warns of what the endpoint declares and does not use.
    func warn(about endpoint: Endpoint, parameters: [String]) {
        let inCalls = endpoint.calls.flatMap(\.references)
        let references = inCalls + (endpoint.response?.references ?? [])
        for (index, name) in parameters.enumerated() where !references.contains(where: { $0.source == .path(index) }) {
            section["path"]?.warning(
                "nothing uses the parameter '\(name)'", remedy: "refer to it as {path.\(name)}, or leave it out")
        }
        guard endpoint.response != nil else { return }
        let used = Set(references.compactMap(\.call))
        for (index, call) in endpoint.calls.enumerated() {
            if call.method == .get, !used.contains(index) {
                members[index].warning(
                    "neither the response nor another call uses what this call gets",
                    remedy: "use {\(call.name)}, or remove the call")
            }
            if call.placement != .member {
                (Section.group(of: members[index]) ?? members[index].value).warning(
                    "has no effect beside 'response', which decides what the answer is", remedy: "remove it")
            }
        }
    }
}

extension Section {
    /// The value that decides where a call's body goes.
    fileprivate static func group(of call: Node.Member) -> Node? {
        guard case .mapping(let members) = call.value.content else { return nil }
        return members.first { $0.name == "group" || $0.name == "flatten" }?.value
    }
}
