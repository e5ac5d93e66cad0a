import CYaml

/// The events that libyaml finds in a text, one after another.
@safe final class YAMLEvents {
    // libyaml keeps the address of the parser and that of the text: both are allocated by `init`, never moved, and
    // freed by `deinit` alone, after the parser is deleted.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeMutableBufferPointer<UInt8>

    init(_ string: String) throws(YAMLError) {
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        // A parser whose initialization failed has freed its memory.
        guard unsafe yaml_parser_initialize(parser) == 1 else {
            unsafe parser.deallocate()
            throw .outOfMemory
        }
        let bytes = string.utf8
        let text = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = unsafe text.initialize(from: bytes)
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, text.baseAddress, text.count)
        unsafe self.parser = parser
        unsafe self.text = text
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe text.deallocate()
    }

    /// The next event, or what is wrong with the text there. Not to be called after `streamEnd` or an error.
    func next() throws(YAMLError) -> YAMLEvent {
        var event = unsafe yaml_event_t()
        // The event is filled in before it is read, and freed after what it points to is copied.
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure }
        defer { unsafe yaml_event_delete(&event) }
        return unsafe YAMLEvent(event)
    }

    /// The error that libyaml stopped at. Its texts are constants.
    private var failure: YAMLError {
        let parser = unsafe self.parser.pointee
        guard unsafe parser.error != YAML_MEMORY_ERROR, let problem = unsafe parser.problem else { return .outOfMemory }
        if unsafe parser.error == YAML_READER_ERROR {
            return unsafe .unreadable(String(cString: problem), atByte: parser.problem_offset)
        }
        let context = unsafe parser.context.map { text in
            unsafe YAMLError.Context(text: String(cString: text), position: Position(parser.context_mark))
        }
        return unsafe .syntax(String(cString: problem), context, at: Position(parser.problem_mark))
    }
}

/// One step through a YAML text.
struct YAMLEvent {
    enum Kind {
        case documentStart, streamEnd
        case alias, sequence, mapping
        case scalar(String, isPlain: Bool)
        /// The end of the innermost open sequence or mapping.
        case end
        /// The stream begins, or a document ends.
        case other
    }

    let kind: Kind
    /// The name of an anchor; for an alias, of the anchor that it refers to.
    let anchor: String?
    /// Nil unless it is written in the text.
    let tag: String?
    let position: Position
}

extension YAMLEvent {
    /// Copies an event that libyaml has filled in: its type determines the member of the union, and texts are either
    /// terminated by a zero or come with their length.
    fileprivate init(_ event: yaml_event_t) {
        func string(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
            unsafe text.map { unsafe String(cString: $0) }
        }
        position = unsafe Position(event.start_mark)
        switch unsafe event.type {
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            kind = unsafe .scalar(
                String(decoding: bytes, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
            (anchor, tag) = unsafe (string(scalar.anchor), string(scalar.tag))
        case YAML_SEQUENCE_START_EVENT:
            let sequence = unsafe event.data.sequence_start
            kind = .sequence
            (anchor, tag) = unsafe (string(sequence.anchor), string(sequence.tag))
        case YAML_MAPPING_START_EVENT:
            let mapping = unsafe event.data.mapping_start
            kind = .mapping
            (anchor, tag) = unsafe (string(mapping.anchor), string(mapping.tag))
        case YAML_ALIAS_EVENT:
            kind = .alias
            (anchor, tag) = unsafe (string(event.data.alias.anchor), nil)
        default:
            switch unsafe event.type {
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: kind = .end
            case YAML_DOCUMENT_START_EVENT: kind = .documentStart
            case YAML_STREAM_END_EVENT: kind = .streamEnd
            default: kind = .other
            }
            (anchor, tag) = (nil, nil)
        }
    }
}

extension Position {
    /// libyaml counts from zero, columns in Unicode scalars.
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: mark.line + 1, column: mark.column + 1)
    }
}
