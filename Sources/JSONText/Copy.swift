/// Copying a part of a text in one block.
enum Copy {
    /// Appends the bytes in `range`.
    @inline(__always)
    static func append(_ text: Span<UInt8>, _ range: Range<Int>, to output: inout [UInt8]) {
        // Safe: the buffer lives as long as the span that is extracted, with a bounds check, for this call.
        unsafe text.extracting(range).withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
    }
}
