import CCrypto

/// A key that signatures are verified with: a public one, or a secret.
@safe public final class VerificationKey: Sendable {
    enum Kind: Sendable, Equatable {
        case secret, rsa, p256, p384, p521, edwards
    }

    let kind: Kind
    /// The one algorithm that it is for, if its owner says so.
    let algorithm: SignatureAlgorithm?
    private let secret: [UInt8]
    /// Made by OpenSSL for this object and freed with it; verifying changes nothing in it, on whatever thread.
    private nonisolated(unsafe) let key: OpaquePointer?

    init(secret: [UInt8], for algorithm: SignatureAlgorithm? = nil) {
        (kind, self.algorithm, self.secret) = (.secret, algorithm, secret)
        unsafe key = nil
    }

    /// Takes over a key that OpenSSL has made; nil for one that no algorithm here is for, or that is too short.
    private init?(owning key: OpaquePointer?, for algorithm: SignatureAlgorithm?) {
        guard let key = unsafe key else { return nil }
        let kind: Kind? =
            switch unsafe cs_kind_of(key) {
            // Shorter ones must not be used (RFC 7518 §3.3); very long ones take very long.
            case CS_RSA: (2048...16_384).contains(unsafe cs_bits_of(key)) ? .rsa : nil
            case CS_P256: .p256
            case CS_P384: .p384
            case CS_P521: .p521
            case CS_ED25519, CS_ED448: .edwards
            default: nil
            }
        guard let kind else {
            unsafe cs_free_key(key)
            return nil
        }
        (self.kind, self.algorithm, secret) = (kind, algorithm, [])
        unsafe self.key = key
    }

    deinit { unsafe cs_free_key(key) }

    /// Nil if these are no numbers of an RSA key.
    convenience init?(modulus: [UInt8], exponent: [UInt8], for algorithm: SignatureAlgorithm?) {
        // OpenSSL reads the arrays within the call.
        unsafe self.init(
            owning: cs_rsa_key(modulus, modulus.count, exponent, exponent.count), for: algorithm)
    }

    /// Nil if there is no such curve, or the point is not on it.
    convenience init?(curve: String, x: [UInt8], y: [UInt8], for algorithm: SignatureAlgorithm?) {
        guard let (name, bytes) = Self.curves[curve], x.count == bytes, y.count == bytes else { return nil }
        let point = [4] + x + y
        unsafe self.init(owning: cs_ec_key(name, point, point.count), for: algorithm)
    }

    /// Nil if there is no such curve, or the bytes are no key on it.
    convenience init?(edwardsCurve curve: String, x: [UInt8], for algorithm: SignatureAlgorithm?) {
        guard curve == "Ed25519" || curve == "Ed448" else { return nil }
        unsafe self.init(owning: cs_ed_key(curve, x, x.count), for: algorithm)
    }

    /// Nil if the text has no public key, and no certificate.
    convenience init?(pem text: [UInt8]) { unsafe self.init(owning: cs_pem_key(text, text.count), for: nil) }

    /// OpenSSL's names of the curves, and how many bytes a coordinate has.
    private static let curves = [
        "P-256": ("prime256v1", 32), "P-384": ("secp384r1", 48), "P-521": ("secp521r1", 66),
    ]

    /// Whether signatures of this kind are verified with it.
    func isFor(_ algorithm: SignatureAlgorithm) -> Bool {
        if let own = self.algorithm, own != algorithm { return false }
        return switch algorithm {
        case .hs256, .hs384, .hs512: kind == .secret && secret.count >= algorithm.secretBytes
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: kind == .rsa
        case .es256: kind == .p256
        case .es384: kind == .p384
        case .es512: kind == .p521
        case .edDSA: kind == .edwards
        }
    }

    /// Whether a signature is that of a message. The key has to be for the algorithm.
    func verifies(_ signature: [UInt8], of message: Span<UInt8>, by algorithm: SignatureAlgorithm) -> Bool {
        let digest = algorithm.digest
        // The pointers are used within the calls, and the key lives as long as this object.
        return unsafe message.withUnsafeBufferPointer { message in
            let (text, size) = (message.baseAddress, message.count)
            switch algorithm {
            case .hs256, .hs384, .hs512:
                return unsafe cs_verify_hmac(
                    digest, secret, secret.count, signature, signature.count, text, size) == 1
            case .es256, .es384, .es512:
                guard signature.count == 2 * Self.coordinateBytes(algorithm) else { return false }
                return unsafe cs_verify_ecdsa(key, digest, signature, signature.count, text, size) == 1
            case .ps256, .ps384, .ps512:
                return unsafe cs_verify(key, digest, 1, signature, signature.count, text, size) == 1
            case .rs256, .rs384, .rs512, .edDSA:
                return unsafe cs_verify(key, digest, 0, signature, signature.count, text, size) == 1
            }
        }
    }

    private static func coordinateBytes(_ algorithm: SignatureAlgorithm) -> Int {
        switch algorithm {
        case .es384: 48
        case .es512: 66
        default: 32
        }
    }
}
