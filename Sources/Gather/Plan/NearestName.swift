/// Finds the known name that a misspelt one was probably meant to be.
public enum NearestName {
    /// The candidate with the fewest edits to `name`, if these are few compared with its length.
    public static func of(_ name: String, among candidates: some Sequence<String>) -> String? {
        let scored = candidates.map { ($0, distance(Array(name.lowercased()), Array($0.lowercased()))) }
        guard let best = scored.min(by: { $0.1 < $1.1 }), best.1 <= max(1, name.count / 3), best.1 < name.count else {
            return nil
        }
        return best.0
    }

    /// A remedy that names the nearest candidate, or all if they are few.
    public static func remedy(for name: String, among candidates: [String]) -> String? {
        if let nearest = of(name, among: candidates) { return "did you mean '\(nearest)'?" }
        guard !candidates.isEmpty else { return nil }
        return "use one of: " + candidates.joined(separator: ", ")
    }

    /// The number of insertions, deletions, replacements and swaps of neighbours (optimal string alignment); O(n·m).
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for i in left.indices {
            var row = [i + 1]
            for j in right.indices {
                let replaced = last[j] + (left[i] == right[j] ? 0 : 1)
                var best = min(replaced, last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    best = min(best, beforeLast[j - 1] + 1)
                }
                row.append(best)
            }
            (beforeLast, last) = (last, row)
        }
        return last[right.count]
    }
}
