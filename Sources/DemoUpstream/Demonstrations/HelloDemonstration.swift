import HTTPServer

/// `GET /hello`: the smallest answer there is, to measure the server alone.
public enum HelloDemonstration {
    /// 13 bytes of text.
    public static var response: Response { Response(.ok, text: "Hello, World!", type: "text/plain") }
}
