import EventLoop
import Glibc

/// An HTTPS server in a process of its own, with certificates made for the test: Python's ssl module, since ours has no
/// TLS.
///
/// It answers each request with the name in the client's certificate, or `nobody`; `/ended` and `/cut` with a body that
/// ends with the connection, with TLS's own end (close_notify) and without; `/held` with a head, and with no more
/// until the client leaves. It ends when nothing holds it any longer.
///
/// `@unchecked Sendable`: nothing of it changes, and the stream is touched by init and deinit alone.
@safe public final class TLSUpstream: @unchecked Sendable {
    public let port: Int
    private let process: UnsafeMutablePointer<FILE>

    /// What its certificate is.
    public enum Certificate: String, Sendable {
        /// For shop.test and 127.0.0.1, from the test's authority.
        case server
        case expired
        /// For another name.
        case wrong
    }

    /// Whether the programs are there that it is made of.
    public static let isAvailable = ["openssl", "python3"].allSatisfy { program in
        unsafe system("command -v \(program) >/dev/null 2>&1") == 0
    }

    /// Where the files are: `ca.pem`, `client.pem`, `client.key`; they go with the machine's temporary ones.
    public static let files: String = {
        var path = Array("/tmp/gatherd-tls-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&path) != nil else { preconditionFailure("a directory for certificates") }
        let directory = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let script = """
            set -e; cd \(directory); exec 2>/dev/null
            key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
            openssl req -x509 $key -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority
            for name in server expired wrong client; do
              openssl req $key -keyout $name.key -out $name.csr -subj /CN=$name
              names=DNS:shop.test,IP:127.0.0.1; days=2
              if [ $name = wrong ]; then names=DNS:other.test; fi
              if [ $name = expired ]; then days=-1; fi
              echo "subjectAltName=$names" >$name.ext
              openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days $days -extfile $name.ext -out $name.pem
            done
            """
        guard unsafe system(script) == 0 else { preconditionFailure("certificates for a test") }
        return directory
    }()

    private static let server = """
        import http.server, os, socket, ssl, sys, threading, time
        _, folder, certificate, lowest, asks = sys.argv
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f'{folder}/{certificate}.pem', f'{folder}/{certificate}.key')
        context.maximum_version = ssl.TLSVersion.TLSv1_2 if lowest == '1.2' else ssl.TLSVersion.TLSv1_3
        if asks == 'asks':
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(f'{folder}/ca.pem')
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            def setup(self):
                raw = self.request.dup()
                try:
                    self.request = context.wrap_socket(self.request, server_side=True)
                except ssl.SSLError:
                    # A close on unread bytes would take the alert with it that says why.
                    raw.shutdown(socket.SHUT_WR)
                    while raw.recv(65536): pass
                    raise
                finally:
                    raw.close()
                super().setup()
            def do_GET(self):
                if self.path == '/held':
                    self.send_response(200)
                    self.send_header('Content-Length', '100')
                    self.end_headers()
                    self.connection.recv(1)
                    self.close_connection = True
                    return
                if self.path != '/':
                    self.send_response(200)
                    self.send_header('Connection', 'close')
                    self.end_headers()
                    self.wfile.write(b'whole')
                    # Without this Python closes the connection and says nothing of it.
                    if self.path == '/ended': self.connection.unwrap()
                    self.close_connection = True
                    return
                subject = (self.connection.getpeercert() or {}).get('subject', ((('commonName', 'nobody'),),))
                body = subject[0][0][1].encode()
                self.send_response(200)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def log_message(self, *_): pass
        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 1000
            def handle_error(self, *_): pass
        server = Server(('127.0.0.1', 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            # Until the test has gone.
            while True:
                print(server.server_address[1], flush=True)
                time.sleep(0.1)
        except BrokenPipeError:
            os._exit(0)
        """

    /// - Parameters:
    ///   - highest: the highest version that it speaks, `1.2` or `1.3`.
    ///   - asksForCertificate: whether it wants one from clients.
    public init(_ certificate: Certificate = .server, highest: String = "1.3", asksForCertificate: Bool = false) throws
    {
        let asks = asksForCertificate ? "asks" : "-"
        let command = """
            exec python3 - \(Self.files) \(certificate.rawValue) \(highest) \(asks) 2>/dev/null <<'END'
            \(Self.server)
            END
            """
        // The stream is this object's, which closes it in deinit.
        guard let process = unsafe popen(command, "r") else { throw SystemError("popen") }
        unsafe self.process = process
        var line = [CChar](repeating: 0, count: 20)
        _ = unsafe fgets(&line, CInt(line.count), process)
        let digits = line.prefix { (48...57).contains($0) }.map { UInt8(bitPattern: $0) }
        guard let port = Int(String(decoding: digits, as: UTF8.self)) else { throw SystemError("fgets") }
        self.port = port
    }

    deinit { unsafe pclose(process) }
}
