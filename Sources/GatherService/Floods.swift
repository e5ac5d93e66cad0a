import Logging

/// A warning or an error, as compared with others.
struct WarningLine: Sendable {
    let level: Logger.Level
    let message: String
    let metadata: Logger.Metadata
    /// Equal for lines that differ only in their numbers.
    fileprivate let kind: String

    init(_ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata) {
        (self.level, self.message, self.metadata) = (level, message, metadata)
        var kind = message
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            if case .stringConvertible(let number) = value, number is Int { continue }
            kind += "\u{0}\(key)=\(value)"
        }
        self.kind = kind
    }
}

/// Keeps equal warnings from filling a log: of those that differ only in their numbers, one is written per second,
/// followed by how many there were.
struct Floods: Sendable {
    /// Several lines that are summarised by the last of them.
    struct Repeated: Sendable {
        let line: WarningLine
        let count: Int
    }

    private struct Kind {
        /// When a line of it was written, in nanoseconds.
        var written: Int64
        var repeated = 0
        var last: WarningLine
    }

    private static let pause: Int64 = 1_000_000_000
    /// With more kinds of lines than this at once, they are not a flood.
    private static let mostKinds = 256

    private var kinds: [String: Kind] = [:]
    private(set) var hasRepeated = false

    /// Whether a line is written at once; if not, it is counted.
    mutating func admits(_ line: WarningLine, at now: Int64) -> Bool {
        guard var kind = kinds[line.kind] else {
            if kinds.count >= Self.mostKinds {
                kinds = kinds.filter { $1.repeated > 0 || now - $1.written < Self.pause }
            }
            if kinds.count < Self.mostKinds { kinds[line.kind] = Kind(written: now, last: line) }
            return true
        }
        // If earlier lines have not been reported yet, it becomes the last of them.
        guard kind.repeated > 0 || now - kind.written < Self.pause else {
            kinds[line.kind]?.written = now
            return true
        }
        kind.repeated += 1
        kind.last = line
        kinds[line.kind] = kind
        hasRepeated = true
        return false
    }

    /// Takes the counts that are a second old.
    /// - Parameter isEnd: whether all counts are taken, since nothing follows.
    mutating func takeRepeated(at now: Int64, isEnd: Bool = false) -> [Repeated] {
        guard hasRepeated else { return [] }
        var taken: [Repeated] = []
        hasRepeated = false
        for (name, kind) in kinds where kind.repeated > 0 {
            guard isEnd || now - kind.written >= Self.pause else {
                hasRepeated = true
                continue
            }
            taken.append(Repeated(line: kind.last, count: kind.repeated))
            kinds[name] = Kind(written: now, last: kind.last)
        }
        return taken
    }
}
