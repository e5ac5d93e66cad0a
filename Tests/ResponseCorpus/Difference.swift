/// Why libcurl's whole transfers make something else of a response than ``ResponseCase/verdict`` says, or go on with a
/// connection that does not persist.
///
/// The table of Fetch's page has a line for each.
public enum Difference: String, CaseIterable, Sendable {
    case chunksInOldVersion, bytesBehind, badChunks, looseChunks, statusLines, versionToCome, lineEnds, looseFields,
        looseLengths,
        lengthAndCoding, codings, switching, interimFields, limits, limitsAsBreaks, closeLookalikes

    /// What a response has that the two read differently, what we make of it, and what libcurl makes of it.
    public var line: (what: String, own: String, libcurl: String) {
        switch self {
        case .chunksInOldVersion:
            ("chunks in HTTP/1.0 (RFC 9112 §6.1: the framing is faulty)", "malformed", "decoded")
        case .bytesBehind:
            (
                "bytes behind a response, such as content of a 204 or of a second response", "the connection is closed",
                "the next request is sent on it"
            )
        case .badChunks: ("defects in chunks", "malformed", "the connection is broken")
        case .looseChunks:
            ("defects in what follows a chunk's size, and in trailers", "malformed", "passed over")
        case .statusLines:
            ("status lines such as `HTTP/2 200`, `HTTP/1.1  200 OK`, `http/1.1 200 OK`", "malformed", "taken")
        case .versionToCome: ("`HTTP/1.2` (RFC 9110 §2.5: to be read as the highest known)", "taken", "malformed")
        case .lineEnds: ("CR or LF alone (RFC 9112 §2.2)", "malformed", "a line's end, or a part of the line")
        case .looseFields:
            (
                "field lines that are folded, without a name, with controls or with spaces before the colon",
                "malformed", "taken"
            )
        case .looseLengths:
            (
                "lengths such as `+5`, `5, 6` and `0x5`, and several that differ", "malformed",
                "the digits that it begins with; of several, one"
            )
        case .lengthAndCoding: ("a length as well as chunks", "malformed", "decoded")
        case .codings: ("codings other than `chunked` alone", "malformed", "passed over")
        case .switching: ("101 that was not asked for", "malformed", "the connection is broken")
        case .interimFields:
            ("what an interim response says of the connection", "passed over", "the connection is closed")
        case .limits: ("extensions of chunks without end, more than eight interim responses", "too large", "taken")
        case .limitsAsBreaks: ("what passes a limit, and does not come", "too large", "the connection is broken")
        case .closeLookalikes: ("`Connection: closed`", "the connection is kept", "it is closed")
        }
    }

    /// The odd cases, by name.
    private static let named: [Self: [String]] = [
        .badChunks: [
            "a size below nothing", "a size with a sign", "a space ahead", "no line end behind data",
            "no size but an extension",
            "no size", "seventeen digits", "text in place of chunks", "CR alone behind a size",
            "LF alone behind a size",
            "LF alone behind data", "a chunk smaller than its data",
        ].map { "chunks: \($0)" },
        .looseChunks: [
            "LF alone behind a trailer", "LF alone for the last line", "LF alone in an extension",
            "NUL in an extension",
            "a folded trailer", "a quote that does not end", "a space before a trailer's colon",
            "a space before the first trailer",
            "a space behind, and no extension", "an empty extension", "an extension without a name",
            "an extension without a value",
            "two sizes",
        ].map { "chunks: \($0)" },
        .statusLines: [
            "HTTP/2 as tools print it", "HTTP/2.0", "lower case", "two spaces before the status",
            "a colon behind the status",
            "a status with a point", "a tab behind the status", "an escape in the reason",
        ],
        .versionToCome: ["a minor version to come"],
        .lineEnds: [
            "CR CR LF", "CR LF the wrong way round", "CR alone behind a field", "CR alone behind the status line",
            "CR alone for the empty line", "CR alone in a reason", "LF alone behind a field",
            "LF alone behind the status line",
            "LF alone everywhere", "LF alone for the empty line",
        ],
        .looseFields: [
            "DEL in a value", "an escape in a value", "a bracket in a name", "a name past ASCII", "a space in a name",
            "no name",
            "a space before a colon", "a tab before a colon", "a space before a length's colon", "a folded value",
            "a value folded by a tab", "a defect in an interim response",
        ],
        .looseLengths: ["+0", "+5", "0x5", "1e1", "5\t5", "5 5", "5, 6", "5, five", "5,6", "5.0", "5;", "5_0"]
            .map { "a length of '\($0)'" } + ["differing lengths", "differing lengths, the smaller last"],
        .lengthAndCoding: ["a length, then chunks", "chunks, then a length"],
        .codings: ["", "chunked\u{B}", "chunked, chunked", "chunked,", "identity", "identity, chunked"]
            .map { "a coding of '\($0)'" } + ["chunked twice", "chunked, then identity"],
        .switching: ["101 without being asked", "101, then a response"],
        .interimFields: ["100 of HTTP/1.0 before HTTP/1.1", "100 that says close"],
        .limits: ["an extension of 70 KiB", "extensions of 70 KiB in many chunks", "nine interim responses"],
        .limitsAsBreaks: [
            "a size of 2⁶³ - 1", "a size of sixteen F", "a size past the limit", "a value of 70 KiB that does not end",
        ],
        .closeLookalikes: ["something that only begins like close"],
    ]

    static let byName = Dictionary(
        uniqueKeysWithValues: named.flatMap { difference, names in names.map { ($0, difference) } })
}

extension ResponseCase {
    /// Why libcurl differs, if it does.
    public var difference: Difference? { systematicDifference ?? Difference.byName[name] }
}
