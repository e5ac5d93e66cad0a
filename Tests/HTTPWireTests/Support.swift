import HTTPTypes

@testable import HTTPWire

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

/// What a parser made of its input, comparable.
enum Parsed: Equatable, CustomStringConvertible {
    case needMore
    case head(consumed: Int, summary: String)
    case failed(RequestError)

    var description: String {
        switch self {
        case .needMore: "needMore"
        case .head(let consumed, let summary): "\(consumed) bytes: \(summary)"
        case .failed(let error): "\(error)"
        }
    }
}

extension RequestHead {
    /// Everything that a head says, in one line.
    var summary: String {
        let fields = fieldLines.map { "\(text($0.name)): \(text($0.value))" }.joined(separator: " | ")
        let parts = "\(targetForm) \(text(path)) ?\(query.map(text) ?? "-") @\(authority.map(text) ?? "-")"
        return "\(method) \(parts) \(version) \(framing) \(keepAlive) \(expectsContinue) [\(fields)]"
    }
}

/// Shows the parser each of the prefixes of `input` that end at `cuts`, then all of it.
func parse(_ input: [UInt8], cuts: [Int] = [], limits: WireLimits = WireLimits()) -> Parsed {
    var parser = RequestHeadParser()
    do throws(RequestError) {
        for end in cuts + [input.count] {
            switch try parser.parse(Array(input[..<end]).span, limits: limits) {
            case .needMore: continue
            case .complete(let head, let consumed): return .head(consumed: consumed, summary: head.summary)
            }
        }
        return .needMore
    } catch {
        return .failed(error)
    }
}

/// The head of a request that must be well-formed.
func head(_ input: String, limits: WireLimits = WireLimits()) throws -> RequestHead {
    var parser = RequestHeadParser()
    guard case .complete(let head, _) = try parser.parse(bytes(input).span, limits: limits) else {
        throw RequestError.badRequest(.invalidRequestLine)
    }
    return head
}

/// SplitMix64: the same numbers on every run for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
