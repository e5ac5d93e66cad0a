import CCurl

/// A server that transfers go to: its parsed URL, limits, and the idle handles of earlier transfers.
///
/// The URL is fixed here and each request sets only its target, so no request can reach another host. Confined to the loop
/// of its ``Fetcher``.
@safe public final class FetchOrigin {
    unowned let fetcher: Fetcher
    let limits: FetchLimits
    let socketPath: String?
    let prefix: String
    /// The parsed base URL; shared by all handles and freed with the origin, which outlives them.
    let url: OpaquePointer
    private var idle: [Transfer] = []
    private var isClosed = false
    private static let idleLimit = 1024

    /// - Parameters:
    ///   - base: `http://host[:port]` or `https://host[:port]`.
    ///   - prefix: what every target begins with; empty, or a path without a slash at its end.
    ///   - socketPath: a Unix socket to connect to in place of the host.
    init?(base: String, prefix: String, socketPath: String?, limits: FetchLimits, fetcher: Fetcher) {
        guard let url = unsafe curl_url() else { return nil }
        guard unsafe curl_url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK else {
            unsafe curl_url_cleanup(url)
            return nil
        }
        unsafe self.url = url
        self.prefix = prefix
        self.socketPath = socketPath
        self.limits = limits
        self.fetcher = fetcher
    }

    deinit {
        idle = []
        unsafe curl_url_cleanup(url)
    }

    /// A list for CURLOPT_HTTPHEADER; the caller frees it.
    static func fields(_ own: [(name: String, value: String)]) -> UnsafeMutablePointer<curl_slist>? {
        // Without «Expect:» libcurl would hold back a large body for an interim response.
        var list = unsafe curl_slist_append(nil, "Expect:")
        // Nor is a body a form unless it says so.
        if !own.contains(where: { $0.name.lowercased() == "content-type" }) {
            unsafe list = curl_slist_append(list, "Content-Type:")
        }
        for (name, value) in own {
            // libcurl's notation for a field with an empty value is a semicolon; one of blanks would be left out.
            let isEmpty = value.utf8.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            unsafe list = curl_slist_append(list, isEmpty ? "\(name);" : "\(name): \(value)")
        }
        return unsafe list
    }

    /// An idle transfer, or a new one.
    func take() -> Transfer? { idle.popLast() ?? Transfer(origin: self) }

    func putBack(_ transfer: Transfer) {
        guard !isClosed, idle.count < Self.idleLimit else { return }
        transfer.forgetRequest()
        idle.append(transfer)
    }

    /// Frees the idle handles, each of which refers to this origin; those that come back later are not kept.
    func close() {
        isClosed = true
        idle = []
    }
}
