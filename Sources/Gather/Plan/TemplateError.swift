/// What is wrong with a text of the configuration: where in the text, and what to write instead.
public struct TemplateError: Error, Equatable, CustomStringConvertible {
    /// Where in the text, in characters from 1.
    public let column: Int
    public let problem: String
    /// What to do about it, if the problem does not say it.
    public let remedy: String?

    public init(column: Int, _ problem: String, remedy: String? = nil) {
        self.column = column
        self.problem = problem
        self.remedy = remedy
    }

    public var description: String { remedy.map { "\(problem); \($0)" } ?? problem }
}
