import EventLoop
import Foundation
import TestSupport
import Testing

/// What `gatherd check` looks at besides the file itself.
@Suite(.blocking) struct CheckTests {
    /// What is said of an upstream's `tls`, and how the program ends.
    private func check(_ tls: String) throws -> (text: String, isGood: Bool) {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("gatherd-\(UUID()).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        try """
        version: 1
        upstreams:
          up:
            hosts: [https://127.0.0.1:1]
            tls: { \(tls) }
        endpoints: [{ path: /a, calls: { a: { get: "up:/a" } } }]
        """.write(to: file, atomically: true, encoding: .utf8)
        let result = try Program.run(["check", file.path])
        return (result.errors.replacing(file.path, with: "x.yaml"), result.exit == .exited(code: 0))
    }

    private static var files: String { TLSUpstream.files }

    @Test(.enabled(if: TLSUpstream.isAvailable))
    func `files of certificates and keys have to be there, and to be what they are named for`() throws {
        let good = try check("ca: \(Self.files)/ca.pem, cert: \(Self.files)/client.pem, key: \(Self.files)/client.key")
        #expect(good.isGood, "\(good.text)")
        let wrong = try check("ca: /nowhere.pem, cert: \(Self.files)/client.key, key: \(Self.files)/client.pem")
        #expect(!wrong.isGood)
        #expect(
            wrong.text == """
                x.yaml:5:16: upstreams.up.tls.ca: '/nowhere.pem' cannot be read: there is no such file; \
                name a file that the service can read
                x.yaml:5:\(36): upstreams.up.tls.cert: '\(Self.files)/client.key' has no certificate in PEM form; \
                name a file that the service can read
                x.yaml:5:\(36 + Self.files.count + 18): upstreams.up.tls.key: '\(Self.files)/client.pem' has no private key \
                in PEM form; name a file that the service can read

                """, "\(wrong.text)")
    }

    @Test(.enabled(if: TLSUpstream.isAvailable))
    func `a certificate that was cut short, and a key that wants a passphrase, are errors`() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("gatherd-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let result = try Program.shell(
            #"""
            set -e; cd "$1"; openssl ec -aes256 -passout pass:x -in "$2/client.key" -out locked.key
            # Without the line behind the first.
            sed 3d "$2/ca.pem" >cut.pem
            """#, ["bash", directory.path, Self.files])
        #expect(result.exit == .exited(code: 0), "\(result)")
        let damaged = try check("ca: \(directory.path)/cut.pem")
        #expect(damaged.text.contains("certificate 1 of '\(directory.path)/cut.pem' is damaged"), "\(damaged.text)")
        let locked = try check("cert: \(Self.files)/client.pem, key: \(directory.path)/locked.key")
        #expect(locked.text.contains("is protected by a passphrase, which cannot be entered here"), "\(locked.text)")
    }

    @Test(.enabled(if: TLSUpstream.isAvailable))
    func `a key that is not the certificate's is an error`() throws {
        let wrong = try check("cert: \(Self.files)/client.pem, key: \(Self.files)/server.key")
        #expect(!wrong.isGood)
        #expect(wrong.text.hasPrefix("upstreams.up.tls: "), "\(wrong.text)")
    }

    @Test func `what is in a file takes the place of its name, and is shown nowhere`() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("gatherd-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try "8.5.0.1:77\n".write(to: directory.appendingPathComponent("listen"), atomically: true, encoding: .utf8)
        func errors(_ value: String, _ environment: [String: String]) throws -> String {
            let file = directory.appendingPathComponent("x.yaml")
            try "version: 1\nserver: { listen: \"\(value)\" }\ndemo: {}\n"
                .write(to: file, atomically: true, encoding: .utf8)
            let result = try Program.shell(
                #"exec "$1" check "$2""#, ["bash", Program.path, file.path], environment: environment)
            return result.errors.replacing(file.path, with: "x.yaml").replacing(directory.path, with: "DIR")
        }
        let credentials = ["CREDENTIALS_DIRECTORY": directory.path]
        #expect(try errors("${file:listen}", credentials) == "")
        #expect(try errors("${file:\(directory.path)/listen}", [:]) == "")
        #expect(
            try errors("${file:listen}", [:]) == """
                x.yaml:2:20: server.listen: there are no credentials for ${file:listen}; set CREDENTIALS_DIRECTORY to the \
                directory that has the file, or write its absolute path

                """)
        #expect(
            try errors("${file:other}", credentials) == """
                x.yaml:2:20: server.listen: 'DIR/other' cannot be read: there is no such file; name a file that the \
                service can read

                """)
    }
}
