import CCurl
import EventLoop

/// A libcurl easy handle with what its present transfer has received; reused for the next one.
///
/// Options that stay the same are set once: a new handle for each call costs a quarter more, resetting one 7%.
@safe public final class Transfer {
    private let easy: OpaquePointer
    let origin: FetchOrigin
    /// What the task that started the present transfer waits for.
    public private(set) var wait = WaitID.none
    /// Where the fetcher keeps it while it is under way.
    var position = 0
    private var isActive = false
    /// How the transfer ended, until it is taken.
    private var result: Result<FetchResponse, FetchError>?

    private var body: [UInt8] = []
    private var headBytes = 0
    private var exceeded = false
    /// Whether the empty line behind the final head was received: libcurl takes a head that breaks off for a whole one.
    private var isHeadComplete = false
    /// Whether a request was sent that must not be sent twice.
    private var isSpent = false
    private var target = ""
    private var isPlain = true
    private var ownFields: UnsafeMutablePointer<curl_slist>?

    init?(origin: FetchOrigin) {
        guard let easy = unsafe curl_easy_init() else { return nil }
        unsafe self.easy = OpaquePointer(easy)
        self.origin = origin
        setUp()
    }

    deinit {
        unsafe curl_easy_cleanup(handle)
        unsafe curl_slist_free_all(ownFields)
    }

    var handle: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(easy) }

    /// Readies the handle for a request.
    /// - Throws: ``FetchError/refused(code:)`` if libcurl does not take the target: without it, it would ask for another.
    func prepare(_ request: FetchRequest) throws(FetchError) {
        body = []
        headBytes = 0
        exceeded = false
        isHeadComplete = false
        isSpent = false
        if target != request.target {
            let target = origin.prefix.isEmpty ? request.target : origin.prefix + request.target
            let code = unsafe cc_set_string(handle, CURLOPT_REQUEST_TARGET, target)
            guard code == CURLE_OK else { throw .refused(code: Int(code.rawValue)) }
            self.target = request.target
        }
        if !request.isPlain { prepareOther(request) }
    }

    /// Forgets the fields and body of a request that had any.
    func forgetRequest() {
        guard !isPlain else { return }
        unsafe curl_easy_reset(handle)
        unsafe curl_slist_free_all(ownFields)
        unsafe ownFields = nil
        target = ""
        setUp()
        isPlain = true
    }

    func begin(_ wait: WaitID, at position: Int) {
        self.wait = wait
        self.position = position
        isActive = true
    }

    /// What was received, or how libcurl says that it failed.
    func result(_ code: CURLcode) -> Result<FetchResponse, FetchError> {
        guard code == CURLE_OK else { return .failure(exceeded ? .tooLarge : FetchError(code)) }
        let status = unsafe cc_response_code(handle)
        guard isHeadComplete, status >= 200 else { return .failure(.reset) }
        // Nobody is told to wait after a success, so that most responses are not searched.
        return .success(FetchResponse(status: status, body: body, retryAfter: status < 300 ? nil : retryAfter))
    }

    /// Keeps the result; false if the transfer is not under way.
    func end(_ result: Result<FetchResponse, FetchError>) -> Bool {
        guard isActive else { return false }
        isActive = false
        self.result = result
        body = []
        return true
    }

    func takeResult() -> Result<FetchResponse, FetchError> {
        guard let result else { preconditionFailure("a transfer that woke its task has a result") }
        self.result = nil
        return result
    }

    private func prepareOther(_ request: FetchRequest) {
        isPlain = false
        unsafe ownFields = FetchOrigin.fields(request.headers)
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
        } else if request.method == "POST" {
            unsafe cc_set_long(handle, CURLOPT_POST, 1)
            unsafe cc_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, 0)
        }
        if request.method != "GET" { unsafe cc_set_string(handle, CURLOPT_CUSTOMREQUEST, request.method) }
        if !request.isIdempotent {
            // As in `setUp`. libcurl sends a request again on its own when a kept connection breaks before the response.
            unsafe cc_set_request_function(handle, beginRequest, Unmanaged.passUnretained(self).toOpaque())
        }
    }

    /// A request is about to be sent; false ends the transfer.
    fileprivate func spend() -> Bool {
        defer { isSpent = true }
        return !isSpent
    }

    /// Sets the options that hold for every transfer of the origin.
    private func setUp() {
        let limits = origin.limits
        // libcurl hands these pointers back only while the handle lives, and this object owns the handle.
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        let fetcher = unsafe Unmanaged.passUnretained(origin.fetcher).toOpaque()
        unsafe cc_set_pointer(handle, CURLOPT_PRIVATE, me)
        unsafe cc_set_data_function(handle, CURLOPT_WRITEFUNCTION, receiveBody)
        unsafe cc_set_pointer(handle, CURLOPT_WRITEDATA, me)
        unsafe cc_set_data_function(handle, CURLOPT_HEADERFUNCTION, receiveHead)
        unsafe cc_set_pointer(handle, CURLOPT_HEADERDATA, me)
        unsafe cc_set_open_function(handle, openSocket, fetcher)
        unsafe cc_set_close_function(handle, closeSocket, fetcher)
        unsafe cc_set_pointer(handle, CURLOPT_CURLU, UnsafeMutableRawPointer(origin.url))
        if let path = origin.socketPath { unsafe cc_set_string(handle, CURLOPT_UNIX_SOCKET_PATH, path) }
        unsafe cc_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        unsafe cc_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        unsafe cc_set_string(handle, CURLOPT_PROXY, "")
        unsafe cc_set_string(handle, CURLOPT_NOPROXY, "*")
        unsafe cc_set_long(handle, CURLOPT_NOSIGNAL, 1)
        // Giving up a name that is still being resolved must not wait for the resolver's thread.
        unsafe cc_set_long(handle, CURLOPT_QUICK_EXIT, 1)
        unsafe cc_set_long(handle, CURLOPT_PATH_AS_IS, 1)
        unsafe cc_set_long(
            handle, CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(limits.connectTimeout.wholeNanoseconds / 1_000_000)))
        unsafe cc_set_offset(handle, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(limits.bodyBytes))
    }

    /// Takes a piece of the body; false ends the transfer.
    fileprivate func append(_ piece: UnsafeRawBufferPointer) -> Bool {
        guard piece.count <= origin.limits.bodyBytes - body.count else {
            exceeded = true
            return false
        }
        unsafe body.append(contentsOf: piece)
        return true
    }

    /// Takes note of a line of the head, or of the trailers; false ends the transfer.
    fileprivate func countHead(_ line: UnsafeRawBufferPointer) -> Bool {
        headBytes += line.count
        if line.count <= 2 {
            isHeadComplete = true
        } else if unsafe line.starts(with: "HTTP/".utf8) {
            // The final head follows an interim one.
            isHeadComplete = false
        }
        exceeded = headBytes > origin.limits.headBytes
        return !exceeded
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
    return unsafe transfer.countHead(UnsafeRawBufferPointer(start: line, count: count)) ? count : 0
}

private func beginRequest(
    _ owner: UnsafeMutableRawPointer?, _: UnsafeMutablePointer<CChar>?, _: UnsafeMutablePointer<CChar>?, _: CInt,
    _: CInt
) -> CInt {
    guard let owner = unsafe owner else { return CURL_PREREQFUNC_ABORT }
    let transfer = unsafe Unmanaged<Transfer>.fromOpaque(owner).takeUnretainedValue()
    return transfer.spend() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}

private func openSocket(
    _ owner: UnsafeMutableRawPointer?, _: curlsocktype, _ address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
    guard let owner = unsafe owner, let address = unsafe address else { return -1 }
    let fd = unsafe cc_open_socket(address)
    if fd >= 0 { unsafe Unmanaged<Fetcher>.fromOpaque(owner).takeUnretainedValue().sockets.opened(fd) }
    return fd
}

private func closeSocket(_ owner: UnsafeMutableRawPointer?, _ fd: curl_socket_t) -> CInt {
    guard let owner = unsafe owner else { return -1 }
    return unsafe Unmanaged<Fetcher>.fromOpaque(owner).takeUnretainedValue().sockets.close(fd)
}

extension FetchError {
    /// libcurl's result as ours: the one table.
    init(_ code: CURLcode) {
        self =
            switch code {
            case CURLE_COULDNT_RESOLVE_HOST: .resolve
            case CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT: .connect
            case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
                CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
                .tls
            case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE,
                CURLE_ABORTED_BY_CALLBACK:
                .reset
            // Out of memory is what libcurl calls a line of a head past 100 KiB, which it does not pass on to be counted; from
            // 8.6 on it is a code of its own, CURLE_TOO_LARGE.
            case CURLE_FILESIZE_EXCEEDED, CURLE_OUT_OF_MEMORY, CURLcode(rawValue: 100): .tooLarge
            case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING:
                .malformed
            default: .refused(code: Int(code.rawValue))
            }
    }
}
