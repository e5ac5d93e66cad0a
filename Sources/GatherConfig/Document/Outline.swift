import Gather
import JSONText

/// What a value of the file may be, as recorded by its readers: they are run on a blank, which has every key and no
/// value, and what they ask of it is recorded here. The JSON Schema is written from that record, so it matches what
/// the readers do.
final class Outline {
    /// A value that is written as a single text or number.
    enum Scalar: Equatable {
        case text
        case boolean
        /// Bounds that are those of the type are not written to the schema.
        case integer(ClosedRange<Int>)
        case number(ClosedRange<Double>)
        /// A number with a unit: a pattern for its spelling, and a description for people.
        case quantity(pattern: String, description: String)
    }

    private var scalars: [Scalar] = []
    private var words: [String] = []
    private var isAny = false
    /// The keys of a mapping, in order, with their values; nil if the value is not a mapping with known keys.
    private var members: [(name: String, value: Outline)]?
    private var required: [String] = []
    /// Exactly one of these keys is required.
    private var choice: [String] = []
    /// The value of any other key of a mapping, and the element of a list.
    private var others: Outline?
    private var element: Outline?
    private var alternatives: [Outline] = []

    /// Whether no reader has asked for it.
    private var isUntouched: Bool {
        scalars.isEmpty && words.isEmpty && !isAny && members == nil && others == nil && element == nil
            && alternatives.isEmpty
    }

    // MARK: What readers ask

    func take(_ scalar: Scalar) {
        if !scalars.contains(scalar) { scalars.append(scalar) }
    }

    func take(words: [String]) {
        for word in words where !self.words.contains(word) { self.words.append(word) }
    }

    func takeAnything() { isAny = true }

    func take(keys: [String]) {
        let known = members ?? []
        members =
            known + keys.filter { key in !known.contains { $0.name == key } }.map { (name: $0, value: Outline()) }
    }

    func require(_ key: String) {
        if !required.contains(key) { required.append(key) }
    }

    func requireOne(of keys: [String]) { choice = keys }

    func member(_ key: String) -> Outline { members?.first { $0.name == key }?.value ?? Outline() }

    func otherMember() -> Outline {
        let outline = others ?? Outline()
        others = outline
        return outline
    }

    func listElement() -> Outline {
        let outline = element ?? Outline()
        element = outline
        return outline
    }

    /// A further form that the value may have, recorded separately.
    func alternative() -> Outline {
        let outline = Outline()
        alternatives.append(outline)
        return outline
    }

    // MARK: As JSON Schema

    /// Writes the members of a schema (draft 7, which editors support).
    func write(to json: inout JSONWriter) {
        let forms = self.forms
        if let form = forms.first, forms.count == 1 { return form(&json) }
        guard !forms.isEmpty else { return }
        json.member("anyOf") { json in
            json.array(of: forms) { json, form in json.object { form(&$0) } }
        }
    }

    private typealias Form = (inout JSONWriter) -> Void

    /// The forms that the value may have; empty if it may be anything.
    private var forms: [Form] {
        guard !isAny else { return [] }
        var forms: [Form] = alternatives.map { alternative in { alternative.write(to: &$0) } }
        if members != nil || others != nil { forms.append(writeMapping) }
        if let element {
            forms.append { json in
                json.member("type", "array")
                json.member("items") { $0.object { element.write(to: &$0) } }
            }
        }
        if !words.isEmpty { forms.append(writeWords) }
        forms += scalars.map { scalar in { Self.write(scalar, to: &$0) } }
        // Any of them may also be written as ${NAME}.
        let isText = scalars.contains { if case .text = $0 { true } else { false } }
        if !isText, !(words.isEmpty && scalars.isEmpty) {
            forms.append { json in
                json.member("type", "string")
                json.member("pattern", #"\$\{"#)
            }
        }
        return forms
    }

    private func writeMapping(to json: inout JSONWriter) {
        json.member("type", "object")
        if let members {
            json.member("properties") { json in
                json.object { json in
                    // A key that no reader asks for is known only so that it can be refused with a message of its own.
                    for (name, value) in members where !value.isUntouched {
                        json.member(name) { $0.object { value.write(to: &$0) } }
                    }
                }
            }
        }
        if !required.isEmpty {
            json.member("required") { $0.array(of: required) { $0.string($1) } }
        }
        if !choice.isEmpty {
            json.member("oneOf") { json in
                json.array(of: choice) { json, key in
                    json.object { $0.member("required") { $0.array(of: [key]) { $0.string($1) } } }
                }
            }
        }
        json.member("additionalProperties") { json in
            if let others { json.object { others.write(to: &$0) } } else { json.boolean(false) }
        }
    }

    private func writeWords(to json: inout JSONWriter) {
        json.member("enum") { json in
            // Editors may pass what YAML 1.1 takes for a boolean to the schema as one.
            let flags = words.filter { $0 == "true" || $0 == "false" }
            json.array(of: words.map { ($0, isFlag: false) } + flags.map { ($0, isFlag: true) }) { json, word in
                if word.isFlag { json.boolean(word.0 == "true") } else { json.string(word.0) }
            }
        }
    }

    private static func write(_ scalar: Scalar, to json: inout JSONWriter) {
        switch scalar {
        case .text:
            // Compared as spelled, with or without quotes.
            json.member("type") { $0.array(of: ["string", "number", "boolean"]) { $0.string($1) } }
        case .boolean: json.member("type", "boolean")
        case .integer(let range):
            json.member("type", "integer")
            if range.lowerBound > .min { json.member("minimum", range.lowerBound) }
            if range.upperBound < .max { json.member("maximum", range.upperBound) }
        case .number(let range):
            json.member("type", "number")
            json.member("minimum", FixedPoint(Int((range.lowerBound * 1000).rounded()), decimals: 3))
            json.member("maximum", FixedPoint(Int((range.upperBound * 1000).rounded()), decimals: 3))
        case .quantity(let pattern, let description):
            json.member("type", "string")
            json.member("pattern", pattern)
            json.member("description", description)
        }
    }
}

// MARK: Blanks

extension Node {
    /// A value that stands for anything its reader accepts.
    static func blank(_ outline: Outline) -> Node {
        Node(
            position: .file, keyPath: "", content: .broken, report: Report(file: "", text: ""), outline: outline)
    }

    var isBlank: Bool { outline != nil }

    /// The same value, for a reader of another of its forms.
    func alternative() -> Node { outline.map { .blank($0.alternative()) } ?? self }
}

extension Configuration {
    /// The JSON Schema of a configuration, made by running its readers on a blank.
    public static var schema: String {
        let outline = Outline()
        _ = RootReader(environment: [:]).read(.blank(outline))
        var text: [UInt8] = []
        JSONText.append(to: &text) { json in
            json.object { json in
                json.member("$schema", "http://json-schema.org/draft-07/schema#")
                json.member("title", "gatherd: configuration")
                outline.write(to: &json)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
