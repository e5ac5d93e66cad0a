public import HTTPTypes

extension HTTPResponse.Status {
    /// The reason phrase: the status's own or, where it was made from a code alone, the registered one of the code;
    /// empty if there is none.
    ///
    /// Source: IANA, Hypertext Transfer Protocol (HTTP) Status Code Registry.
    public var phrase: String { reasonPhrase.isEmpty ? Self.registered[code] ?? "" : reasonPhrase }

    private static let registered: [Int: String] = {
        let named: [HTTPResponse.Status] = [
            .continue, .switchingProtocols, .earlyHints, .ok, .created, .accepted, .nonAuthoritativeInformation,
            .noContent, .resetContent, .partialContent, .multipleChoices, .movedPermanently, .found, .seeOther,
            .notModified, .temporaryRedirect, .permanentRedirect, .badRequest, .unauthorized, .forbidden, .notFound,
            .methodNotAllowed, .notAcceptable,
            .proxyAuthenticationRequired, .requestTimeout, .conflict, .gone, .lengthRequired, .preconditionFailed,
            .contentTooLarge, .uriTooLong, .unsupportedMediaType, .rangeNotSatisfiable, .expectationFailed,
            .misdirectedRequest, .unprocessableContent, .tooEarly, .upgradeRequired, .preconditionRequired,
            .tooManyRequests, .requestHeaderFieldsTooLarge, .unavailableForLegalReasons, .internalServerError,
            .notImplemented, .badGateway, .serviceUnavailable, .gatewayTimeout, .httpVersionNotSupported,
            .networkAuthenticationRequired,
        ]
        var phrases = [
            102: "Processing", 207: "Multi-Status", 208: "Already Reported", 226: "IM Used", 305: "Use Proxy",
            402: "Payment Required", 423: "Locked", 424: "Failed Dependency", 506: "Variant Also Negotiates",
            507: "Insufficient Storage", 508: "Loop Detected",
        ]
        for status in named { phrases[status.code] = status.reasonPhrase }
        return phrases
    }()
}
