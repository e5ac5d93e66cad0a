import CCurl
import EventLoop
import Glibc
import HTTPWire

/// One connection that libcurl opens to one address, and secures and verifies if the origin's scheme is https.
///
/// A plain socket is handed over and libcurl forgets it. A secured one stays libcurl's, and this object seals and opens
/// its bytes.
@safe final class CurlConnection: CurlHandle {
    /// Nil for a Unix socket.
    let address: IPAddress?
    /// Held, because libcurl's handle refers to its URL for as long as it is there.
    private let origin: FetchOrigin
    private weak var dial: Dial?
    private var startedAt: Int64 = 0
    private var connectTo: UnsafeMutablePointer<curl_slist>?
    /// Where libcurl writes what went wrong; it has CURL_ERROR_SIZE bytes, is owned by this object and freed in deinit.
    private let errorText: UnsafeMutablePointer<CChar>
    /// The socket of a secured connection, and who uses it.
    private var fd: CInt = -1
    weak var user: UpstreamConnection?
    /// Whether libcurl has closed the socket by itself: it looks for dead connections now and then.
    private(set) var isLost = false

    /// The result of an attempt to connect.
    struct Opened {
        let fd: CInt
        /// What seals its bytes; nil for plain ones.
        let link: CurlConnection?
        /// When it was connected and secured.
        let times: ExchangeTimes
    }

    init(to address: IPAddress?, of origin: FetchOrigin, in multi: CurlMulti) {
        self.address = address
        self.origin = origin
        unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        super.init(in: multi)
    }

    override func configure() {
        super.configure()
        unsafe cc_set_long(handle, CURLOPT_CONNECT_ONLY, 1)
        // Looking for a connection to use again would walk over all that there are.
        unsafe cc_set_long(handle, CURLOPT_FRESH_CONNECT, 1)
        // The time to connect is the dial's, and how long a connection is kept the origin's.
        unsafe cc_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, 1 << 30)
        unsafe cc_set_long(handle, CURLOPT_MAXAGE_CONN, 1 << 30)
        unsafe cc_set_long(handle, CURLOPT_BUFFERSIZE, 1024)
        unsafe cc_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
        unsafe cc_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        unsafe cc_set_pointer(handle, CURLOPT_CURLU, UnsafeMutableRawPointer(origin.url))
        if let path = origin.socketPath { unsafe cc_set_string(handle, CURLOPT_UNIX_SOCKET_PATH, path) }
        if let address {
            // `::address:port`: whatever host and port the URL has.
            let host = address.isIPv6 ? "[\(address)]" : address.text
            unsafe connectTo = curl_slist_append(nil, "::\(host):\(origin.port)")
            unsafe cc_set_pointer(handle, CURLOPT_CONNECT_TO, connectTo)
        }
        if origin.isSecured { secure(origin.options.tls) }
    }

    deinit {
        unsafe curl_slist_free_all(connectTo)
        // The superclass makes the last call with the handle, in which libcurl could write.
        if isPrepared { unsafe cc_set_pointer(handle, CURLOPT_ERRORBUFFER, nil) }
        unsafe errorText.deallocate()
    }

    /// Connects, and reports the result to the dial.
    func start(for dial: Dial) {
        self.dial = dial
        startedAt = cc_monotonic_nanoseconds()
        multi.start(self)
    }

    /// Gives the attempt up, or closes a connection that was secured.
    func close() {
        dial = nil
        if fd >= 0 { multi.forget(fd) }
        multi.discard(self)
    }

    /// libcurl has closed the socket.
    func lose() {
        isLost = true
        user?.linkLost()
    }

    override func ended(_ code: CURLcode) {
        guard let dial else { return }
        self.dial = nil
        guard code == CURLE_OK, case let fd = unsafe cc_active_socket(handle), fd >= 0 else {
            let failure = failure(code)
            multi.discard(self)
            return dial.attempt(self, failed: failure)
        }
        var times = ExchangeTimes()
        times.connected = unsafe startedAt + cc_microseconds(handle, CURLINFO_CONNECT_TIME_T) * 1000
        if origin.isSecured {
            times.secured = unsafe startedAt + cc_microseconds(handle, CURLINFO_APPCONNECT_TIME_T) * 1000
            self.fd = fd
            multi.keep(self, fd)
            dial.attempt(self, opened: Opened(fd: fd, link: self, times: times))
        } else {
            multi.sockets.release(fd)
            multi.remove(self)
            dial.attempt(self, opened: Opened(fd: fd, link: nil, times: times))
        }
    }

    /// Whether the socket is connected, so that what is left to be done is to secure it.
    var hasConnected: Bool { socket >= 0 && cc_has_peer(socket) != 0 }

    private func failure(_ code: CURLcode) -> FetchError {
        let failure = FetchError(code)
        switch failure {
        case .tls:
            // A text of libcurl's, with a NUL at its end.
            let text = unsafe String(cString: errorText)
            return .tls(TLSFailure(code, verification: unsafe cc_verify_result(handle), text: text))
        case .connect:
            return .connect(ConnectFailure(errno: multi.openError != 0 ? multi.openError : unsafe cc_os_error(handle)))
        default: return failure
        }
    }

    // MARK: Secured bytes

    /// The result of receiving or sending.
    enum Transferred { case bytes(Int), wouldBlock, ended, broken }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Transferred {
        var count = 0
        let code = unsafe curl_easy_recv(handle, buffer.baseAddress, buffer.count, &count)
        return switch code {
        case CURLE_OK where count > 0: .bytes(count)
        // Anyone can end a TCP connection, but only the peer can end TLS (RFC 8446 §6.1): what it has sent may be cut
        // short.
        case CURLE_OK: unsafe cc_was_cut(handle) != 0 ? .broken : .ended
        case CURLE_AGAIN: .wouldBlock
        default: .broken
        }
    }

    /// Why the peer rejects us, if it said so after the handshake: in TLS 1.3 it looks at our certificate only
    /// then.
    var refusal: TLSFailure? {
        // A text of libcurl's, with a NUL at its end.
        let text = unsafe String(cString: errorText)
        let failure = text.contains(" alert ") ? TLSFailure(CURLE_RECV_ERROR, verification: 0, text: text) : nil
        return failure == .clientCertificate ? failure : nil
    }

    /// - Parameter bytes: after ``Transferred/wouldBlock`` the same again, in the same place: OpenSSL has begun with
    ///   them.
    func send(_ bytes: UnsafeRawBufferPointer) -> Transferred {
        var count = 0
        let code = unsafe curl_easy_send(handle, bytes.baseAddress, bytes.count, &count)
        return switch code {
        case CURLE_OK: .bytes(count)
        case CURLE_AGAIN: .wouldBlock
        default: .broken
        }
    }
}
