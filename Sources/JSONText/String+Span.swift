extension String {
    /// Calls `body` with the string's UTF-8.
    ///
    /// Not `utf8.span`: of a short string, which has no storage of its own, the optimiser (Swift 6.3) lets that span
    /// outlive the copy on the stack that it points into.
    func withUTF8Span<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        var copy = self
        // The span does not outlive the call, and the pointer is valid as long as that.
        return copy.withUTF8 { unsafe body(Span(_unsafeElements: $0)) }
    }
}
