/// What a file declares, part by part, for comparisons between two configurations.
public struct Declarations: Sendable {
    /// A part of the file that people think of as a unit.
    public enum Subject: Hashable, Sendable, CustomStringConvertible {
        case server, demo, traces
        case upstream(String)
        /// Named by its method and path.
        case endpoint(String)

        public var description: String {
            switch self {
            case .server: "server"
            case .demo: "demo"
            case .traces: "traces"
            case .upstream(let name): "upstream \(name)"
            case .endpoint(let route): "endpoint \(route)"
            }
        }
    }

    /// A value and the keys that lead to it within its part.
    struct Leaf: Hashable, Sendable {
        var path: String
        var value: String
        /// Whether the value may be a secret: one from the environment or a file.
        var isHidden: Bool
    }

    struct Part: Sendable {
        var leaves: [Leaf] = []
        var checksum = 0
    }

    /// In the order of the file.
    private(set) var subjects: [Subject] = []
    private(set) var parts: [Subject: Part] = [:]

    /// The declarations of an empty file.
    public init() {}

    mutating func add(_ subject: Subject, _ node: Node) {
        var part = Part()
        part.leaves.append(node, under: "")
        var hasher = Hasher()
        hasher.combine(part.leaves)
        part.checksum = hasher.finalize()
        if parts[subject] == nil { subjects.append(subject) }
        parts[subject] = part
    }

    /// Whether a part is the same in another configuration.
    public func isSame(_ subject: Subject, in other: Declarations) -> Bool {
        guard let part = parts[subject], let counterpart = other.parts[subject] else { return false }
        return part.checksum == counterpart.checksum
    }

    /// Forgets the values in upstreams and endpoints, and keeps what it takes to tell whether they have changed. With
    /// thousands of them, that halves the memory.
    public mutating func forgetDetails() {
        for subject in subjects {
            switch subject {
            case .server, .demo, .traces: continue
            case .upstream, .endpoint: parts[subject]?.leaves = []
            }
        }
    }
}

extension [Declarations.Leaf] {
    fileprivate mutating func append(_ node: Node, under path: String) {
        switch node.content {
        case .scalar(let scalar):
            append(Declarations.Leaf(path: path, value: scalar.text, isHidden: scalar.isSubstituted))
        case .sequence(let nodes):
            // An empty list is not the same as a missing one.
            if nodes.isEmpty { append(Declarations.Leaf(path: path, value: "[]", isHidden: false)) }
            for (index, node) in nodes.enumerated() { append(node, under: "\(path)[\(index)]") }
        case .mapping(let members):
            if members.isEmpty { append(Declarations.Leaf(path: path, value: "{}", isHidden: false)) }
            for member in members {
                let start = count
                append(member.value, under: path.isEmpty ? member.name : "\(path).\(member.name)")
                if member.name == "secret" {
                    for index in start..<count { self[index].isHidden = true }
                }
            }
        case .broken: break
        }
    }
}

/// A difference between two configurations.
public struct ConfigurationChange: Sendable, Equatable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        case added, removed
        /// With the values that differ, as far as they are known.
        case changed([String])
    }

    public let subject: Declarations.Subject
    public let kind: Kind
    /// Whether it takes effect only after a restart.
    public var needsRestart = false

    /// One line for a part that was added or removed, and one for each value that was changed.
    public var description: String {
        switch kind {
        case .added: "+ \(subject)"
        case .removed: "- \(subject)"
        case .changed(let details) where details.isEmpty: "~ \(subject)"
        case .changed(let details): details.map { "~ \(subject): \($0)" }.joined(separator: "\n")
        }
    }
}

extension Configuration {
    /// The keys of `server` that take effect only when the process starts.
    private static let restartKeys: Set<String> = ["loops"]

    /// How this configuration differs from an earlier one: first what was removed, then what is new or different, in
    /// the order of the file.
    public func changes(from earlier: Configuration) -> [ConfigurationChange] {
        let (old, new) = (earlier.declarations, declarations)
        var changes = old.subjects.filter { new.parts[$0] == nil }.map {
            ConfigurationChange(subject: $0, kind: .removed)
        }
        let files = Dictionary(
            uniqueKeysWithValues: earlier.plan.upstreams.map { ($0.name, $0.connections.tls.contents) })
        if access.hasOtherContents(than: earlier.access) {
            changes.append(ConfigurationChange(subject: .server, kind: .changed(["access: the contents of its files"])))
        }
        for subject in new.subjects {
            guard let part = new.parts[subject] else { continue }
            guard let other = old.parts[subject] else {
                changes.append(ConfigurationChange(subject: subject, kind: .added))
                continue
            }
            if case .upstream(let name) = subject, let contents = files[name], part.checksum == other.checksum,
                let upstream = plan.upstreams.first(where: { $0.name == name }),
                upstream.connections.tls.contents != contents
            {
                changes.append(
                    ConfigurationChange(subject: subject, kind: .changed(["tls: the contents of its files"])))
            }
            guard part.checksum != other.checksum else { continue }
            let details = Self.details(from: other.leaves, to: part.leaves)
            guard subject == .server else {
                changes.append(ConfigurationChange(subject: subject, kind: .changed(details.map(\.text))))
                continue
            }
            for needsRestart in [false, true] {
                let some = details.filter { Self.restartKeys.contains($0.path) == needsRestart }.map(\.text)
                guard !some.isEmpty else { continue }
                changes.append(
                    ConfigurationChange(subject: subject, kind: .changed(some), needsRestart: needsRestart))
            }
        }
        return changes
    }

    private static func details(
        from old: [Declarations.Leaf], to new: [Declarations.Leaf]
    ) -> [(path: String, text: String)] {
        let before = Dictionary(old.map { ($0.path, $0) }) { first, _ in first }
        let after = Set(new.map(\.path))
        var details: [(path: String, text: String)] = old.filter { !after.contains($0.path) }
            .map { ($0.path, "\($0.path): \(shown($0)) → nothing") }
        for leaf in new {
            guard let other = before[leaf.path] else {
                details.append((leaf.path, "\(leaf.path): nothing → \(shown(leaf))"))
                continue
            }
            guard other != leaf else { continue }
            let isHidden = leaf.isHidden || other.isHidden
            details.append(
                (leaf.path, isHidden ? "\(leaf.path): …" : "\(leaf.path): \(shown(other)) → \(shown(leaf))"))
        }
        if details.isEmpty, !new.isEmpty { details.append(("", "the order of its keys")) }
        return details
    }

    private static func shown(_ leaf: Declarations.Leaf) -> String {
        if leaf.isHidden { return "…" }
        let isPlain = !leaf.value.isEmpty && leaf.value.utf8.count <= 80 && !leaf.value.contains { $0.isNewline }
        return isPlain ? leaf.value : quoted(leaf.value)
    }
}
