import CCurl

extension TLSOptions {
    /// Checks whether libcurl can use the files: whether it can read them, and whether the key belongs to the
    /// certificate.
    ///
    /// It takes tens of milliseconds, so never call it on a loop.
    /// - Returns: what is wrong, in libcurl's words; nil if nothing is.
    public func problem() -> String? {
        guard CurlMulti.initialised, let multi = unsafe curl_multi_init() else { return "libcurl cannot be set up" }
        // Both are this call's own, and the buffer outlives the handle that writes into it.
        defer { unsafe curl_multi_cleanup(multi) }
        guard let easy = unsafe curl_easy_init() else { return "libcurl cannot be set up" }
        let text = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe text.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        defer {
            unsafe curl_easy_cleanup(easy)
            unsafe text.deallocate()
        }
        unsafe cc_set_pointer(easy, CURLOPT_ERRORBUFFER, text)
        unsafe cc_set_string(easy, CURLOPT_PROXY, "")
        unsafe cc_set_long(easy, CURLOPT_NOSIGNAL, 1)
        unsafe CurlHandle.secure(easy, self)
        let code = unsafe cc_read_authorities(multi, easy)
        guard code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE else { return nil }
        let said = unsafe String(cString: text)
        return said.isEmpty ? "libcurl cannot use its files (\(code.rawValue))" : said
    }
}
