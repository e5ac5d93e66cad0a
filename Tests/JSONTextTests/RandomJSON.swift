import JSONText

/// A small generator with a seed, so that a failure repeats.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

/// Random texts with few names, so that paths hit, names repeat and renames collide.
enum RandomJSON {
    static let names = ["a", "b", "c", "sku", "items", "é", "x\"y", ""]

    static func document(_ random: inout SplitMix64) -> [UInt8] {
        Array((space(&random) + value(&random, depth: 0) + space(&random)).utf8)
    }

    private static func value(_ random: inout SplitMix64, depth: Int) -> String {
        let kind = Int.random(in: 0..<(depth < 5 ? 8 : 4), using: &random)
        switch kind {
        case 0: return pick(["null", "true", "false"], &random)
        case 1: return pick(["0", "-1", "3.25", "1e5", "-0.0E-2", "12345678901234567890"], &random)
        case 2, 3:
            return pick(
                ["\"\"", "\"plain text\"", "\"es\\\"ca\\\\pe\\n\"", "\"é日😀\"", "\"{[,]}\"", "\"\\uD83D\\uDE00\""],
                &random)
        case 4, 5:
            let parts = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                space(&random) + value(&random, depth: depth + 1) + space(&random)
            }
            return "[" + space(&random) + parts.joined(separator: ",") + "]"
        default:
            let parts = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                space(&random) + name(&random) + space(&random) + ":" + space(&random)
                    + value(&random, depth: depth + 1)
                    + space(&random)
            }
            return "{" + space(&random) + parts.joined(separator: ",") + "}"
        }
    }

    private static func name(_ random: inout SplitMix64) -> String {
        let name = pick(names, &random)
        var literal = "\""
        for unit in name.utf16 {
            if unit == 0x22 || Int.random(in: 0..<6, using: &random) == 0 {
                let hex = String(unit, radix: 16)
                literal += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            } else {
                literal += String(decoding: [unit], as: UTF16.self)
            }
        }
        return literal + "\""
    }

    private static func space(_ random: inout SplitMix64) -> String {
        Int.random(in: 0..<4, using: &random) == 0 ? pick([" ", "\n", "\t ", "\r\n  "], &random) : ""
    }

    static func path(_ random: inout SplitMix64, indices: Bool, steps: ClosedRange<Int>) -> JSONPath {
        JSONPath(
            steps: (0..<Int.random(in: steps, using: &random)).map { _ in
                switch Int.random(in: 0..<6, using: &random) {
                case 0 where indices: .index(Int.random(in: 0...3, using: &random))
                case 1 where indices: .each
                default: .key(pick(names, &random))
                }
            })
    }

    private static func pick<T>(_ choices: [T], _ random: inout SplitMix64) -> T {
        choices[Int.random(in: 0..<choices.count, using: &random)]
    }
}
