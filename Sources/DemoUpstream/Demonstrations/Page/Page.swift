import HTTPServer
import HTTPTypes
import JSONText

/// The page that draws a gather while it runs: its markup, its style and its script, each a resource of its own.
///
/// Nothing of it comes from elsewhere, and nothing that an upstream or a configuration says becomes markup: it is
/// escaped here and is text of the document in the script. The fields of the page forbid what it does not need.
public enum Page {
    /// Nothing inline, and nothing of other origins (Content Security Policy Level 3).
    private static let policy = """
        default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; \
        form-action 'none'; frame-ancestors 'none'
        """

    /// The fields of a page, or of a part of one, that forbid what it does not need.
    public static func fields(type: String) -> HTTPFields {
        var fields: HTTPFields = [.contentType: type, .contentSecurityPolicy: policy, .xContentTypeOptions: "nosniff"]
        // Requested again after an update of the service.
        fields[.cacheControl] = "no-cache"
        return fields
    }

    static let script = pictureScript + viewsScript

    /// JSON as it may stand inside a `script` element: `</script>` in a string would end that (HTML, "Restrictions for
    /// contents of script elements").
    static func embedded(_ json: [UInt8]) -> String {
        String(decoding: json, as: UTF8.self).replacingScalars("<", with: #"\u003c"#)
    }

    // MARK: For other pages of the service, which are drawn alike

    /// `element`, `Timeline`, `Picture` and `tableRows`, for a script that follows.
    public static let pictureScript = streamScript + drawingScript

    /// What the bars of a picture mean.
    public static let key = """
        <ul class="key" aria-hidden="true">
        <li class="critical"><span><i class="bar"></i></span>determined the time</li>
        <li><span><i class="bar"></i></span>ran at the same time</li>
        <li><span><i class="bar bad"></i></span>failed</li>
        <li><span><i class="bar cut"></i></span>cancelled</li>
        <li><span class="line"></span>deadline</li>
        </ul>
        """

    /// A picture's calls or tasks as a table, whose body `tableRows` fills.
    /// - Parameter tellsPhases: whether it has a column for what each did.
    public static func table(_ id: String, of rows: String, tellsPhases: Bool = false) -> String {
        let columns =
            [rows, "Ended", "Began at", "Took", "After", "Determined the time", "Attempts"]
            + (tellsPhases ? ["What it did"] : []) + ["Why"]
        let heads = columns.map { #"<th scope="col">\#($0)</th>"# }.joined()
        return """
            <details><summary>The same as a table</summary>
            <div class="scroll"><table>
            <thead><tr>\(heads)</tr></thead>
            <tbody id="\(id)"></tbody>
            </table></div>
            </details>
            """
    }
}
