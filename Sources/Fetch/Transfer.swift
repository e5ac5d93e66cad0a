import CCurl
import EventLoop
import HTTPTypes
import HTTPWire

/// A whole request and response of libcurl's: for HTTP/2. Used again for later ones of the same origin.
///
/// Options that stay the same are set once: a new handle for each request costs a quarter more.
@safe final class Transfer: CurlHandle {
    private unowned let origin: FetchOrigin
    private var exchange: UpstreamExchange?
    private var isHEAD = false
    private var startedAt: Int64 = 0

    private var body: [UInt8] = []
    private var fields = FieldSection()
    private var keptFields = ResponseReader.KeptFields.ofFailures
    private var headBytes = 0
    private var exceeded = false
    /// Whether the empty line after the final head was received: libcurl takes a head that breaks off for a whole one.
    private(set) var isHeadComplete = false
    /// How often the request was sent, and how often it may be.
    private var sends = 0
    private var mostSends = 1
    private var isPlain = true
    private var ownFields: UnsafeMutablePointer<curl_slist>?

    init?(to origin: FetchOrigin, in multi: CurlMulti) {
        self.origin = origin
        super.init(in: multi)
        guard prepare() else { return nil }
    }

    deinit { unsafe curl_slist_free_all(ownFields) }

    // MARK: Use

    func start(_ request: ClientRequest, for exchange: UpstreamExchange) {
        self.exchange = exchange
        (body, fields, headBytes, exceeded, isHeadComplete, sends) = ([], FieldSection(), 0, false, false, 0)
        mostSends = exchange.isRepeatable ? 2 : 1
        isHEAD = request.method == .head
        keptFields = request.keptFields
        let code = unsafe cc_set_string(handle, CURLOPT_REQUEST_TARGET, origin.prefix + request.target)
        guard code == CURLE_OK else {
            self.exchange = nil
            return origin.fetcher.fail(exchange, .refused(code: Int(code.rawValue)))
        }
        startedAt = cc_monotonic_nanoseconds()
        if request.method != .get || !request.fields.isEmpty || request.body != nil { prepareOther(request) }
        multi.start(self)
    }

    func abandon() {
        exchange = nil
        leave()
    }

    override func ended(_ code: CURLcode) {
        let result = result(code)
        let exchange = exchange
        self.exchange = nil
        if let exchange { exchange.times = times }
        leave()
        guard let exchange else { return }
        switch result {
        case .success(let response): origin.fetcher.complete(exchange, response)
        case .failure(let failure): origin.fetcher.fail(exchange, failure)
        }
    }

    private var times: ExchangeTimes {
        func time(_ info: CURLINFO) -> Int64 {
            let microseconds = unsafe cc_microseconds(handle, info)
            return microseconds > 0 ? startedAt + microseconds * 1000 : 0
        }
        var times = ExchangeTimes()
        times.sent = time(CURLINFO_PRETRANSFER_TIME_T)
        times.answered = time(CURLINFO_STARTTRANSFER_TIME_T)
        if isHeadComplete { times.received = time(CURLINFO_TOTAL_TIME_T) }
        guard unsafe cc_connections(handle) > 0 else { return times }
        if case .name = origin.destination { times.lookedUp = time(CURLINFO_NAMELOOKUP_TIME_T) }
        times.connected = time(CURLINFO_CONNECT_TIME_T)
        times.secured = time(CURLINFO_APPCONNECT_TIME_T)
        return times
    }

    private func leave() {
        multi.remove(self)
        // libcurl counts how often a handle has sent a request again for as long as the handle lives, and gives up at
        // five.
        guard sends < 2 else { return }
        forgetRequest()
        origin.putBack(self)
    }

    private func forgetRequest() {
        guard !isPlain else { return }
        unsafe curl_easy_reset(handle)
        unsafe curl_slist_free_all(ownFields)
        unsafe ownFields = nil
        configure()
        isPlain = true
    }

    private func result(_ code: CURLcode) -> Result<ClientResponse, FetchError> {
        guard code == CURLE_OK else { return .failure(exceeded ? .tooLarge : FetchError(code)) }
        let status = unsafe cc_response_code(handle)
        guard isHeadComplete, status >= 200 else { return .failure(.reset) }
        let isKept = keptFields == .always || status >= 300 || fields[.contentEncoding] != nil
        let response = ClientResponse(status: status, fields: isKept ? fields : FieldSection(), body: body)
        (body, fields) = ([], FieldSection())
        return .success(response)
    }

    // MARK: Options

    private func prepareOther(_ request: ClientRequest) {
        isPlain = false
        // Without `Expect:` libcurl would hold back a large body for an interim response, and nothing of ours is its
        // default.
        var list = unsafe curl_slist_append(nil, "Expect:")
        var names: Set<String> = []
        request.fields.forEachLine { name, value in
            let (name, value) = (name.text, value.text)
            names.insert(name.lowercased())
            // libcurl's notation for a field with an empty value is a semicolon.
            unsafe list = curl_slist_append(list, value.isEmpty ? "\(name);" : "\(name): \(value)")
        }
        for name in ["accept", "content-type"] where !names.contains(name) {
            unsafe list = curl_slist_append(list, name + ":")
        }
        unsafe ownFields = list
        unsafe cc_set_pointer(handle, CURLOPT_HTTPHEADER, ownFields)
        if let body = request.body {
            unsafe cc_set_long(handle, CURLOPT_POST, 1)
            unsafe cc_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
            // libcurl copies the bytes before the call returns.
            unsafe body.withUnsafeBytes { bytes in
                _ = unsafe cc_set_pointer(
                    handle, CURLOPT_COPYPOSTFIELDS,
                    UnsafeMutableRawPointer(mutating: bytes.baseAddress ?? UnsafeRawPointer(handle)))
            }
        } else if [.post, .put, .patch].contains(request.method) {
            unsafe cc_set_long(handle, CURLOPT_POST, 1)
            unsafe cc_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, 0)
        }
        if isHEAD { unsafe cc_set_long(handle, CURLOPT_NOBODY, 1) }
        if request.method != .get { unsafe cc_set_string(handle, CURLOPT_CUSTOMREQUEST, request.method.rawValue) }
    }

    /// Sets the options that hold for every transfer of the origin.
    override func configure() {
        let options = origin.options
        super.configure()
        // As there: libcurl hands this pointer back only while the handle lives, which this object owns.
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe cc_set_data_function(handle, CURLOPT_WRITEFUNCTION, receiveBody)
        unsafe cc_set_pointer(handle, CURLOPT_WRITEDATA, me)
        unsafe cc_set_data_function(handle, CURLOPT_HEADERFUNCTION, receiveHead)
        unsafe cc_set_pointer(handle, CURLOPT_HEADERDATA, me)
        // libcurl sends a request again on its own when a kept connection breaks before the response.
        unsafe cc_set_request_function(handle, beginRequest, me)
        unsafe cc_set_pointer(handle, CURLOPT_CURLU, UnsafeMutableRawPointer(origin.url))
        if let path = origin.socketPath { unsafe cc_set_string(handle, CURLOPT_UNIX_SOCKET_PATH, path) }
        let version =
            if options.version == .http1 {
                CURL_HTTP_VERSION_1_1
            } else {
                origin.isSecured ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
            }
        unsafe cc_set_long(handle, CURLOPT_HTTP_VERSION, Int(version))
        // Rather a stream of a connection that is being opened than another connection.
        unsafe cc_set_long(handle, CURLOPT_PIPEWAIT, options.version == .http2 ? 1 : 0)
        unsafe cc_set_long(handle, CURLOPT_PATH_AS_IS, 1)
        unsafe cc_set_long(
            handle, CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(options.connectTimeout.wholeNanoseconds / 1_000_000)))
        unsafe cc_set_long(handle, CURLOPT_MAXAGE_CONN, max(1, Int(options.idleTime.components.seconds)))
        if let age = options.maxConnectionAge {
            unsafe cc_set_long(handle, CURLOPT_MAXLIFETIME_CONN, max(1, Int(age.components.seconds)))
        }
        unsafe cc_set_offset(handle, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(options.response.bodyBytes))
        if origin.isSecured { secure(options.tls) }
    }

    // MARK: libcurl's calls

    /// A request is about to be sent; false ends the transfer.
    fileprivate func spend() -> Bool {
        sends += 1
        return sends <= mostSends
    }

    /// Takes a piece of the body; false ends the transfer.
    fileprivate func append(_ piece: UnsafeRawBufferPointer) -> Bool {
        guard piece.count <= origin.options.response.bodyBytes - body.count else {
            exceeded = true
            return false
        }
        unsafe body.append(contentsOf: piece)
        return true
    }

    /// Records a line of the head, or of the trailers; false ends the transfer.
    fileprivate func takeHead(_ line: UnsafeRawBufferPointer) -> Bool {
        headBytes += line.count
        if line.count <= 2 {
            isHeadComplete = true
        } else if unsafe line.starts(with: "HTTP/".utf8) {
            // The final head follows an interim one.
            isHeadComplete = false
            fields = FieldSection()
        } else if !isHeadComplete {
            unsafe keep(line.bindMemory(to: UInt8.self).span)
        }
        exceeded = headBytes > origin.options.response.headBytes
        return !exceeded
    }

    private func keep(_ line: Span<UInt8>) {
        var colon = 0
        while colon < line.count, line[colon] != UInt8(ascii: ":") { colon += 1 }
        guard colon < line.count else { return }
        var (start, end) = (colon + 1, line.count)
        while start < end, Self.isBlank(line[start]) { start += 1 }
        while end > start, Self.isBlank(line[end - 1]) { end -= 1 }
        // What is not a field is left out.
        try? fields.append(line.extracting(0..<colon), line.extracting(start..<end))
    }

    private static func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0D, 0x0A].contains(byte) }
}

extension Span<UInt8> {
    fileprivate var text: String {
        var bytes: [UInt8] = []
        for index in indices { bytes.append(self[index]) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

private func receiveBody(_ bytes: UnsafeMutablePointer<CChar>?, _: Int, _ count: Int, _ owner: UnsafeMutableRawPointer?)
    -> Int
{
    guard let owner = unsafe owner else { return 0 }
    let transfer = unsafe Unmanaged<Transfer>.fromOpaque(owner).takeUnretainedValue()
    return unsafe transfer.append(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
}

private func receiveHead(_ line: UnsafeMutablePointer<CChar>?, _: Int, _ count: Int, _ owner: UnsafeMutableRawPointer?)
    -> Int
{
    guard let owner = unsafe owner else { return 0 }
    let transfer = unsafe Unmanaged<Transfer>.fromOpaque(owner).takeUnretainedValue()
    return unsafe transfer.takeHead(UnsafeRawBufferPointer(start: line, count: count)) ? count : 0
}

private func beginRequest(
    _ owner: UnsafeMutableRawPointer?, _: UnsafeMutablePointer<CChar>?, _: UnsafeMutablePointer<CChar>?, _: CInt,
    _: CInt
) -> CInt {
    guard let owner = unsafe owner else { return CURL_PREREQFUNC_ABORT }
    let transfer = unsafe Unmanaged<Transfer>.fromOpaque(owner).takeUnretainedValue()
    return transfer.spend() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}
