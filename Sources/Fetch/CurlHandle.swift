import CCurl
import EventLoop
import Glibc

/// A libcurl easy handle that a ``CurlMulti`` drives.
@safe class CurlHandle {
    let multi: CurlMulti
    private var easy: OpaquePointer?
    var stage = Stage.out
    /// The socket that libcurl opened last for it; -1 if it has opened none.
    private(set) var socket: CInt = -1

    /// Where it is.
    enum Stage { case out, queued, added }

    init(in multi: CurlMulti) { self.multi = multi }

    deinit { unsafe curl_easy_cleanup(UnsafeMutableRawPointer(easy)) }

    var isPrepared: Bool { unsafe easy != nil }

    var handle: UnsafeMutableRawPointer {
        guard let easy = unsafe easy else { preconditionFailure("a handle is used once it is prepared") }
        return unsafe UnsafeMutableRawPointer(easy)
    }

    /// Makes libcurl's handle with all its options, unless it exists: tens of microseconds.
    /// - Returns: false if there is no memory.
    func prepare() -> Bool {
        if isPrepared { return true }
        guard let easy = unsafe curl_easy_init() else { return false }
        unsafe self.easy = OpaquePointer(easy)
        configure()
        return true
    }

    /// Its work has ended by itself; it is still in the multi handle.
    func ended(_ code: CURLcode) {}

    fileprivate func opened(_ fd: CInt) {
        multi.openError = fd < 0 ? errno : 0
        socket = fd
        if fd >= 0 { multi.sockets.opened(fd) }
    }

    /// Sets the options that stay.
    func configure() {
        // libcurl hands these pointers back only while the handle lives: this object owns it, and the multi handle's
        // owner outlives it.
        let me = unsafe Unmanaged.passUnretained(self).toOpaque()
        let multi = unsafe Unmanaged.passUnretained(multi).toOpaque()
        unsafe cc_set_pointer(handle, CURLOPT_PRIVATE, me)
        unsafe cc_set_open_function(handle, openSocket, me)
        unsafe cc_set_close_function(handle, closeSocket, multi)
        unsafe cc_set_string(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        // Nothing of the environment is used.
        unsafe cc_set_string(handle, CURLOPT_PROXY, "")
        unsafe cc_set_string(handle, CURLOPT_NOPROXY, "*")
        unsafe cc_set_long(handle, CURLOPT_NOSIGNAL, 1)
        // Giving up a name that is still being resolved must not wait for the resolver's thread.
        unsafe cc_set_long(handle, CURLOPT_QUICK_EXIT, 1)
    }

    /// Sets how connections are secured.
    func secure(_ tls: TLSOptions) { unsafe Self.secure(handle, tls) }

    /// The same for a handle that belongs to libcurl.
    static func secure(_ handle: UnsafeMutableRawPointer, _ tls: TLSOptions) {
        if let file = tls.authorities { unsafe cc_set_string(handle, CURLOPT_CAINFO, file) }
        // With a directory as well libcurl would parse the file for every connection, which takes tens of milliseconds,
        // rather than keep what it has read; and the directory holds the same certificates.
        if tls.authorities != nil || cc_has_ca_file() != 0 { unsafe cc_set_string(handle, CURLOPT_CAPATH, nil) }
        unsafe cc_set_long(handle, CURLOPT_CA_CACHE_TIMEOUT, -1)
        if let file = tls.certificate { unsafe cc_set_string(handle, CURLOPT_SSLCERT, file) }
        if let file = tls.key { unsafe cc_set_string(handle, CURLOPT_SSLKEY, file) }
        let version = tls.minimumVersion == .tls13 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2
        unsafe cc_set_long(handle, CURLOPT_SSLVERSION, Int(version))
    }
}

private func openSocket(
    _ owner: UnsafeMutableRawPointer?, _: curlsocktype, _ address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
    guard let owner = unsafe owner, let address = unsafe address else { return -1 }
    let handle = unsafe Unmanaged<CurlHandle>.fromOpaque(owner).takeUnretainedValue()
    let fd = unsafe cc_open_socket(address)
    handle.opened(fd)
    return fd
}

private func closeSocket(_ owner: UnsafeMutableRawPointer?, _ fd: curl_socket_t) -> CInt {
    guard let owner = unsafe owner else { return -1 }
    return unsafe Unmanaged<CurlMulti>.fromOpaque(owner).takeUnretainedValue().close(fd)
}
