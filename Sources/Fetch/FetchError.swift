import CCurl
import Glibc

/// Why a request failed, by phase and by who is at fault.
public enum FetchError: Error, Equatable, Sendable {
    /// The host's name could not be resolved.
    case resolve(LookupFailure)
    /// No connection could be made.
    case connect(ConnectFailure)
    /// The connection could not be secured.
    case tls(TLSFailure)
    /// The connection broke before the response was complete.
    case reset
    /// The response is not valid HTTP/1.1, for this reason.
    case malformed(String)
    /// The response's head or body is larger than allowed.
    case tooLarge
    /// The response was not complete by the deadline; the request had reached this phase.
    case timeout(FetchPhase)
    /// The task was cancelled, and the request abandoned.
    case cancelled
    /// The fetcher was closed, or the origin removed from it, before the request was made.
    case closed
    /// The request could not be made: libcurl's code.
    case refused(code: Int)
}

/// Why a name has no addresses.
public enum LookupFailure: Error, Equatable, Sendable {
    /// There is no such name, or it has no address.
    case unknownName
    /// No name server has an answer at the moment: none can be reached, or those that can have none themselves.
    case temporary
    /// The system's resolver failed, for lack of resources.
    case failed
    /// The look-up took longer than the connect timeout; its result will serve later requests.
    case late
}

/// Why no connection could be made.
public enum ConnectFailure: Error, Equatable, Sendable {
    /// Nothing listens there.
    case refused
    /// The path of a Unix socket leads nowhere.
    case noSocket
    /// The system does not permit it.
    case notPermitted
    /// There is no route to it.
    case unreachable
    /// It took longer than the connect timeout.
    case late
    /// The process or the system has no descriptors left.
    case noDescriptors
    /// There are no local ports left.
    case noPorts
    /// Anything else.
    case other

    init(errno code: CInt) {
        self =
            switch code {
            case ECONNREFUSED: .refused
            case ENOENT, ENOTDIR: .noSocket
            case EACCES, EPERM: .notPermitted
            case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN: .unreachable
            case ETIMEDOUT: .late
            case EMFILE, ENFILE: .noDescriptors
            case EADDRNOTAVAIL: .noPorts
            default: .other
            }
    }
}

/// Why a connection could not be secured.
public enum TLSFailure: Error, Equatable, Sendable {
    /// The certificate was not issued by a trusted authority.
    case unknownAuthority
    /// The certificate is for other names.
    case wrongName
    /// The certificate is no longer valid.
    case expired
    /// The certificate is not valid yet.
    case notYetValid
    /// The two have no version in common.
    case protocolMismatch
    /// The upstream does not speak TLS there.
    case notTLS
    /// The upstream requires a client certificate, or a different one.
    case clientCertificate
    /// The upstream refuses: there is no common cipher or, before TLS 1.3, it requires a client certificate.
    case refused
    /// Our own certificate or key files cannot be used.
    case localFiles
    /// It took longer than what was left of the connect timeout.
    case late
    /// Anything else, as libcurl says it.
    case other(String)

    /// - Parameters:
    ///   - verification: OpenSSL's verdict about the certificate (X509_V_ERR_…), or 0.
    ///   - text: what libcurl says.
    init(_ code: CURLcode, verification: CInt, text: String) {
        switch code {
        case CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CRL_BADFILE, CURLE_SSL_ENGINE_NOTFOUND:
            self = .localFiles
        case CURLE_PEER_FAILED_VERIFICATION:
            switch verification {
            case 9: self = .notYetValid
            case 10: self = .expired
            case 2, 18, 19, 20, 21: self = .unknownAuthority
            case 62, 64: self = .wrongName
            // libcurl compares names itself, and leaves no verdict then.
            default: self = text.contains("match") ? .wrongName : .other(text)
            }
        default:
            // OpenSSL's reasons, which libcurl passes on as text alone.
            let has = { (words: [String]) in words.contains { text.contains($0) } }
            if has(["wrong version number", "packet length too long", "http request", "unknown protocol"]) {
                self = .notTLS
            } else if has(["alert protocol version", "unsupported protocol", "no protocols available"]) {
                self = .protocolMismatch
            } else if has(["certificate required", "alert bad certificate", "alert unknown ca", "certificate unknown"])
            {
                self = .clientCertificate
            } else if text.contains("alert handshake failure") {
                self = .refused
            } else {
                self = .other(text)
            }
        }
    }
}

extension FetchError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .resolve(.unknownName): "the host's name does not exist"
        case .resolve(.temporary): "the host's name could not be looked up: no name server answers"
        case .resolve(.failed): "the host's name could not be looked up: the system's resolver failed"
        case .resolve(.late): "the host's name was not resolved within the connect timeout"
        case .connect(let failure): failure.reason
        case .tls(let failure): "the TLS handshake failed: \(failure.reason)"
        case .reset: "the connection broke before the response was complete"
        case .malformed(let reason): "the response is not HTTP/1.1" + (reason.isEmpty ? "" : ": " + reason)
        case .tooLarge: "the response is larger than allowed"
        case .timeout(let phase): "no answer in time, \(phase)"
        case .cancelled: "the request was cancelled"
        case .closed: "the fetcher was closed, or the server removed from it"
        case .refused(let code): "libcurl rejects the request with code \(code)"
        }
    }
}

extension ConnectFailure {
    fileprivate var reason: String {
        switch self {
        case .refused: "connection refused"
        case .noSocket: "there is no socket at this path"
        case .notPermitted: "the system does not permit the connection"
        case .unreachable: "there is no route to the host"
        case .late: "no connection within the connect timeout"
        case .noDescriptors: "no connection could be made: no file descriptors are left"
        case .noPorts: "no connection could be made: no local ports are left"
        case .other: "no connection could be made"
        }
    }
}

extension TLSFailure {
    fileprivate var reason: String {
        switch self {
        case .unknownAuthority: "the certificate was issued by an unknown authority"
        case .wrongName: "the certificate is for another name"
        case .expired: "the certificate has expired"
        case .notYetValid: "the certificate is not yet valid"
        case .protocolMismatch: "there is no TLS version in common"
        case .notTLS: "the server does not speak TLS"
        case .clientCertificate: "the server does not accept our certificate, or requires one"
        case .refused: "the server rejects it: it may require a certificate or another cipher"
        case .localFiles: "our certificate, key or CA file cannot be used"
        case .late: "it was not complete within the connect timeout"
        case .other(let text): text
        }
    }
}

extension FetchError {
    static let outOfMemory = Int(CURLE_OUT_OF_MEMORY.rawValue)
    static let unsupportedProtocol = Int(CURLE_UNSUPPORTED_PROTOCOL.rawValue)

    /// Maps libcurl's results to ours: the only table for that. What it leaves open, the connection or transfer fills
    /// in.
    init(_ code: CURLcode) {
        self =
            switch code {
            case CURLE_COULDNT_RESOLVE_HOST: .resolve(.temporary)
            case CURLE_COULDNT_CONNECT: .connect(.other)
            case CURLE_OPERATION_TIMEDOUT: .connect(.late)
            case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
                CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
                .tls(.other("it was refused"))
            case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE,
                CURLE_ABORTED_BY_CALLBACK:
                .reset
            // Out of memory is what libcurl calls a line of a head past 100 KiB, which it does not pass on to be
            // counted; from 8.6 on it is a code of its own, CURLE_TOO_LARGE.
            case CURLE_FILESIZE_EXCEEDED, CURLE_OUT_OF_MEMORY, CURLcode(rawValue: 100): .tooLarge
            case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING:
                .malformed("")
            default: .refused(code: Int(code.rawValue))
            }
    }
}
