import CCrypto

/// A key pair or a secret that signs tokens, as an identity provider has it.
@safe public final class SigningKey: @unchecked Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        case secret, rsa, p256, p384, p521, ed25519, ed448
    }

    public let kind: Kind
    public let secret: [UInt8]
    /// Made by OpenSSL for this object, used by one thread at a time, and freed with it; nil for a secret.
    private let key: OpaquePointer?

    /// A new key.
    /// - Parameter bits: how long an RSA key is, or a secret.
    public init(_ kind: Kind, bits: Int = 2048) {
        self.kind = kind
        secret = kind == .secret ? (0..<bits / 8).map { _ in UInt8.random(in: 0...255) } : []
        let (type, curve): (String, String?) =
            switch kind {
            case .secret: ("", nil)
            case .rsa: ("RSA", nil)
            case .p256: ("EC", "P-256")
            case .p384: ("EC", "P-384")
            case .p521: ("EC", "P-521")
            case .ed25519: ("ED25519", nil)
            case .ed448: ("ED448", nil)
            }
        guard kind != .secret else {
            unsafe key = nil
            return
        }
        let context = unsafe EVP_PKEY_CTX_new_from_name(nil, type, nil)
        // The context is this call's own; what it makes is this object's.
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var made: OpaquePointer?
        var isGood = unsafe EVP_PKEY_keygen_init(context) == 1
        if kind == .rsa { isGood = unsafe isGood && EVP_PKEY_CTX_set_rsa_keygen_bits(context, CInt(bits)) == 1 }
        if let curve { isGood = unsafe isGood && EVP_PKEY_CTX_set_group_name(context, curve) == 1 }
        isGood = unsafe isGood && EVP_PKEY_generate(context, &made) == 1
        precondition(isGood, "OpenSSL makes a key")
        unsafe key = made
    }

    /// A secret that is known.
    public init(secret: [UInt8]) {
        (kind, self.secret) = (.secret, secret)
        unsafe key = nil
    }

    deinit { unsafe EVP_PKEY_free(key) }

    /// The public key in PEM form.
    public var pem: String {
        let file = unsafe BIO_new(BIO_s_mem())
        defer { unsafe BIO_free(file) }
        _ = unsafe PEM_write_bio_PUBKEY(file, key)
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = unsafe BIO_read(file, &bytes, CInt(bytes.count))
        return String(decoding: bytes.prefix(Int(count)), as: UTF8.self)
    }

    /// The public key as a member of a key set, or the secret.
    /// - Parameter members: what else is said of it, as in `"kid":"a","use":"sig"`.
    public func jwk(_ members: String = "") -> String {
        let own =
            switch kind {
            case .secret: #""kty":"oct","k":"\#(Base64.encode(secret))""#
            case .rsa: #""kty":"RSA","n":"\#(number("n"))","e":"\#(number("e"))""#
            case .p256: #""kty":"EC","crv":"P-256","x":"\#(number("qx", 32))","y":"\#(number("qy", 32))""#
            case .p384: #""kty":"EC","crv":"P-384","x":"\#(number("qx", 48))","y":"\#(number("qy", 48))""#
            case .p521: #""kty":"EC","crv":"P-521","x":"\#(number("qx", 66))","y":"\#(number("qy", 66))""#
            case .ed25519: #""kty":"OKP","crv":"Ed25519","x":"\#(Base64.encode(rawPublic))""#
            case .ed448: #""kty":"OKP","crv":"Ed448","x":"\#(Base64.encode(rawPublic))""#
            }
        return "{\(own)\(members.isEmpty ? "" : "," + members)}"
    }

    private func number(_ name: String, _ count: Int? = nil) -> String {
        var value: OpaquePointer?
        _ = unsafe EVP_PKEY_get_bn_param(key, name, &value)
        defer { unsafe BN_free(value) }
        let size = unsafe count ?? Int((BN_num_bits(value) + 7) / 8)
        var bytes = [UInt8](repeating: 0, count: size)
        _ = unsafe BN_bn2binpad(value, &bytes, CInt(size))
        return Base64.encode(bytes)
    }

    private var rawPublic: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64)
        var count = bytes.count
        _ = unsafe EVP_PKEY_get_raw_public_key(key, &bytes, &count)
        return Array(bytes.prefix(count))
    }

    /// The signature of a message by an algorithm of RFC 7518; whether the key is for it or not.
    public func sign(_ message: String, by algorithm: String) -> [UInt8] {
        let digest = algorithm == "EdDSA" ? nil : "SHA" + algorithm.suffix(3)
        let text = Array(message.utf8)
        if kind == .secret {
            var code = [UInt8](repeating: 0, count: 64)
            var count: CUnsignedInt = 0
            _ = unsafe HMAC(EVP_get_digestbyname(digest), secret, CInt(secret.count), text, text.count, &code, &count)
            return Array(code.prefix(Int(count)))
        }
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        var options: OpaquePointer?
        _ = unsafe EVP_DigestSignInit_ex(context, &options, digest, nil, nil, key, nil)
        if algorithm.hasPrefix("PS") {
            _ = unsafe EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING)
            _ = unsafe EVP_PKEY_CTX_set_rsa_pss_saltlen(options, CInt(RSA_PSS_SALTLEN_DIGEST))
        }
        var signature = [UInt8](repeating: 0, count: 4096)
        var count = signature.count
        _ = unsafe EVP_DigestSign(context, &signature, &count, text, text.count)
        let signed = Array(signature.prefix(count))
        return [.p256, .p384, .p521].contains(kind) ? Self.pair(signed, of: coordinateBytes) : signed
    }

    private var coordinateBytes: Int {
        switch kind {
        case .p384: 48
        case .p521: 66
        default: 32
        }
    }

    /// The two numbers of an ECDSA signature in DER, each in so many bytes.
    private static func pair(_ der: [UInt8], of count: Int) -> [UInt8] {
        var (r, s) = ([UInt8](repeating: 0, count: count), [UInt8](repeating: 0, count: count))
        unsafe der.withUnsafeBufferPointer { der in
            var start = der.baseAddress
            let pair = unsafe d2i_ECDSA_SIG(nil, &start, der.count)
            // It is read within the call, and freed at its end.
            defer { unsafe ECDSA_SIG_free(pair) }
            _ = unsafe BN_bn2binpad(ECDSA_SIG_get0_r(pair), &r, CInt(count))
            _ = unsafe BN_bn2binpad(ECDSA_SIG_get0_s(pair), &s, CInt(count))
        }
        return r + s
    }
}
