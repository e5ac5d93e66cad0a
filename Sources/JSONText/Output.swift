extension OutputSpan<UInt8> {
    /// Appends bytes that there is room for, in one block.
    package mutating func append(_ bytes: Span<UInt8>) {
        // Safe: the buffers are used within this call, and extracting traps where there is no room.
        unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe withUnsafeMutableBufferPointer { room, count in
                let rest = room.extracting(count..<count + bytes.count)
                _ = unsafe rest.initialize(fromContentsOf: bytes)
                count += bytes.count
            }
        }
    }
}

extension Array {
    /// As `init(capacity:initializingWith:)`, which Swift 6.3 does not specialize: it looks the array's type up each
    /// time, for 400 instructions.
    @inlinable
    package init(reserving capacity: Int, initializingWith write: (inout OutputSpan<Element>) -> Void) {
        self = []
        reserveCapacity(capacity)
        append(addingCapacity: capacity, initializingWith: write)
    }
}

/// Steps of writing JSON that every writer shares.
enum Output {
    /// Appends a part of a text in one block.
    @inline(__always)
    static func copy(_ text: Span<UInt8>, _ range: Range<Int>, to output: inout [UInt8]) {
        // Safe: the buffer is used within this call, while the span lives; extracting checks the bounds.
        unsafe text.extracting(range).withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
    }

    /// Appends a part of a text, for which there is room, in one block.
    @inline(__always)
    static func copy(_ text: Span<UInt8>, _ range: Range<Int>, to output: inout OutputSpan<UInt8>) {
        output.append(text.extracting(range))
    }

    /// Ends an object or array whose members or elements were each written with a comma after them.
    ///
    /// A comma at the end can only be such a separator, since no value ends with one.
    @inline(__always)
    static func close(with byte: UInt8, _ output: inout [UInt8]) {
        if output.last == ASCII.comma { output.removeLast() }
        output.append(byte)
    }
}
