import JSONText

/// Options drawn at random, some of which contradict each other.
struct RandomOptions: CustomStringConvertible {
    var target: JSONPath?
    var allow: [JSONPath] = []
    var deny: [JSONPath] = []
    var mapping: [(from: JSONPath, to: String)] = []

    init(_ random: inout SplitMix64) {
        if Int.random(in: 0..<4, using: &random) == 0 {
            target = RandomJSON.path(&random, indices: true, steps: 1...2)
        }
        func paths(_ random: inout SplitMix64) -> [JSONPath] {
            (0..<Int.random(in: 1...5, using: &random)).map { _ in
                RandomJSON.path(&random, indices: false, steps: 1...3)
            }
        }
        switch Int.random(in: 0..<3, using: &random) {
        case 0: allow = paths(&random)
        case 1: deny = paths(&random)
        default: break
        }
        if Bool.random(using: &random) {
            for path in paths(&random) {
                mapping.append((path, RandomJSON.names[Int.random(in: 0..<RandomJSON.names.count, using: &random)]))
            }
        }
    }

    func projection() throws -> Projection {
        try Projection(target: target, allow: allow, deny: deny, mapping: mapping)
    }

    var description: String { "target \(target?.description ?? "-") allow \(allow) deny \(deny) mapping \(mapping)" }
}

extension Tree {
    /// The naive projection: one step after the other, each over the whole tree.
    func projected(_ options: RandomOptions) -> Tree? {
        let keep = { (tree: Tree) in options.allow.isEmpty ? tree : tree.allowing(options.allow.map(\.steps)) }
        let rest = { (tree: Tree) in
            tree.denying(options.deny.map(\.steps)).renaming(options.mapping.map { ($0.from.steps, $0.to) })
        }
        guard let target = options.target else { return keep(self).map(rest) ?? .word(Array("null".utf8)) }
        let found = values(at: target.steps[...])
        if target.hasEach { return .array(found.compactMap(keep).map(rest)) }
        return found.first.map { keep($0).map(rest) ?? .word(Array("null".utf8)) }
    }

    private typealias Steps = [JSONPath.Step]

    private func allowing(_ paths: [Steps]) -> Tree? {
        if paths.contains([]) { return self }
        switch self {
        case .array(let elements): return .array(elements.compactMap { $0.allowing(paths) })
        case .object(let members):
            return .object(
                members.compactMap { member in
                    let below = Self.below(member.name, paths)
                    guard !below.isEmpty, let value = member.value.allowing(below) else { return nil }
                    return Member(name: member.name, value: value)
                })
        default: return nil
        }
    }

    private func denying(_ paths: [Steps]) -> Tree {
        switch self {
        case .array(let elements): .array(elements.map { $0.denying(paths) })
        case .object(let members):
            .object(
                members.compactMap { member in
                    let below = Self.below(member.name, paths)
                    return below.contains([]) ? nil : Member(name: member.name, value: member.value.denying(below))
                })
        default: self
        }
    }

    private func renaming(_ mapping: [(Steps, String)]) -> Tree {
        switch self {
        case .array(let elements): return .array(elements.map { $0.renaming(mapping) })
        case .object(let members):
            var renamed: [(member: Member, isRenamed: Bool)] = []
            for member in members {
                let below = mapping.filter { $0.0.first == Self.step(member.name) }.map {
                    (Array($0.0.dropFirst()), $0.1)
                }
                let name = below.first { $0.0.isEmpty }.map { Array($0.1.utf8) }
                let value = member.value.renaming(below.filter { !$0.0.isEmpty })
                renamed.append((Member(name: name ?? member.name, value: value), name != nil))
            }
            let taken = renamed.filter(\.isRenamed).map(\.member.name)
            return .object(renamed.filter { $0.isRenamed || !taken.contains($0.member.name) }.map(\.member))
        default: return self
        }
    }

    private static func step(_ name: [UInt8]) -> JSONPath.Step { .key(String(decoding: name, as: UTF8.self)) }

    private static func below(_ name: [UInt8], _ paths: [Steps]) -> [Steps] {
        paths.filter { $0.first == step(name) }.map { Array($0.dropFirst()) }
    }
}
