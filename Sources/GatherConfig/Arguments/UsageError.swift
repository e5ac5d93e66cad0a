/// What is wrong with an argument of the command line, and what to do about it.
public struct UsageError: Error, CustomStringConvertible {
    public let description: String

    /// - Parameter argument: as it was written.
    public init(_ argument: String, _ problem: String, _ remedy: String? = nil) {
        description = "\(argument): \(problem)" + (remedy.map { "; " + $0 } ?? "")
    }
}
