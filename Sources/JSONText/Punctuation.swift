/// Commas while an object or array is written: one after each member or element, the last replaced by the closing byte.
enum Punctuation {
    /// Ends the innermost container.
    ///
    /// A comma at the end can only be a separator, since no value ends with one.
    @inline(__always)
    static func close(with byte: UInt8, _ output: inout [UInt8]) {
        if output.last == ASCII.comma { output.removeLast() }
        output.append(byte)
    }
}
