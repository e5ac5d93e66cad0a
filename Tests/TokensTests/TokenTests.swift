import JSONText
import Testing
import TokenTestSupport

@testable import Tokens

/// Tokens that are taken, and those that are not.
@Suite struct TokenTests {
    private static let keys = Dictionary(
        uniqueKeysWithValues: SigningKey.Kind.allCases.map { ($0, SigningKey($0, bits: $0 == .secret ? 512 : 2048)) })
    private static let now = 1_800_000_000.0

    private static func key(_ kind: SigningKey.Kind) -> SigningKey {
        keys[kind] ?? SigningKey(kind)
    }

    private static func set(_ entries: (SigningKey.Kind, String)...) throws -> KeySet {
        let list = entries.map { key($0).jwk($1) }.joined(separator: ",")
        return try KeySet(json: Array("{\"keys\":[\(list)]}".utf8), mayHaveSecrets: true)
    }

    private static func verifier(
        _ keys: KeySet, _ algorithms: Set<SignatureAlgorithm> = [.rs256],
        _ change: (inout TokenPolicy) -> Void = { _ in }
    ) -> TokenVerifier {
        var policy = TokenPolicy(algorithms)
        policy.leeway = .zero
        change(&policy)
        return TokenVerifier(policy, keys: keys)
    }

    /// What comes of a token: nil if it is taken.
    private static func fault(_ token: String, _ verifier: TokenVerifier, at now: Double = now) -> TokenError? {
        do throws(TokenError) {
            _ = try verifier.verify(Array(token.utf8).span, at: now)
            return nil
        } catch {
            return error
        }
    }

    private static let algorithms: [(SignatureAlgorithm, SigningKey.Kind)] = [
        (.hs256, .secret), (.hs384, .secret), (.hs512, .secret), (.rs256, .rsa), (.rs384, .rsa), (.rs512, .rsa),
        (.ps256, .rsa), (.ps384, .rsa), (.ps512, .rsa), (.es256, .p256), (.es384, .p384), (.es512, .p521),
        (.edDSA, .ed25519), (.edDSA, .ed448),
    ]

    @Test("A token of every algorithm is verified, and none that was changed by a bit", arguments: algorithms)
    func algorithm(_ algorithm: SignatureAlgorithm, _ kind: SigningKey.Kind) throws {
        let verifier = Self.verifier(try Self.set((kind, #""kid":"a""#)), [algorithm])
        let token = Self.key(kind).token(#"{"sub":"ada","exp":1800000001}"#, by: algorithm.rawValue)
        let claims = try verifier.verify(Array(token.utf8).span, at: Self.now)
        #expect(claims.value(at: JSONPath(steps: [.key("sub")]))?.string == "ada")
        var bytes = Array(token.utf8)
        for index in stride(from: 0, to: bytes.count, by: 7) where bytes[index] != UInt8(ascii: ".") {
            bytes[index] ^= 1
            #expect(Self.fault(String(decoding: bytes, as: UTF8.self), verifier) != nil, "\(index)")
            bytes[index] ^= 1
        }
        // One of another key.
        let other = SigningKey(kind, bits: kind == .secret ? 512 : 2048)
        #expect(
            Self.fault(other.token(#"{"exp":1800000001}"#, by: algorithm.rawValue), verifier) == .signature)
    }

    @Test func `claims decide whether a token is taken, and at which second`() throws {
        let keys = try Self.set((.rsa, #""kid":"a""#))
        let verifier = Self.verifier(keys) { policy in
            policy.issuers = ["https://id.test", "https://other.test"]
            policy.audiences = ["shop", "admin"]
            policy.required = [JSONPath(steps: [.key("tenant"), .key("id")])]
        }
        let good = #""iss":"https://id.test","aud":"shop","exp":1800000001,"tenant":{"id":7}"#
        for (claims, fault) in [
            (good, nil),
            (good + #","nbf":1800000000,"iat":1800000000,"jti":"x""#, nil),
            (good.replacing(#""shop""#, with: #"["other","admin"]"#), nil),
            (good.replacing("1800000001", with: "1800000000.5"), nil),
            (good.replacing("1800000001", with: "18000000e2"), .expired),
            (good.replacing("1800000001", with: "1800000000"), .expired),
            (good.replacing("1800000001", with: "1799999999"), .expired),
            (good.replacing("1800000001", with: #""1800000001""#), .claim("exp")),
            (good.replacing("1800000001", with: "1e999"), .claim("exp")),
            (good.replacing(#""exp":1800000001,"#, with: ""), .claim("exp")),
            (good + #","nbf":1800000001"#, .notYetValid),
            (good + #","nbf":"now""#, .claim("nbf")),
            (good + #","nbf":null"#, .claim("nbf")),
            (good.replacing(#""https://id.test""#, with: #""https://ID.test""#), .issuer),
            (good.replacing(#""https://id.test""#, with: #"["https://id.test"]"#), .issuer),
            (good.replacing(#""iss":"https://id.test","#, with: ""), .issuer),
            (good.replacing(#""shop""#, with: #""shops""#), .audience),
            (good.replacing(#""shop""#, with: "[]"), .audience),
            (good.replacing(#""shop""#, with: #"[["shop"]]"#), .audience),
            (good.replacing(#""shop""#, with: #"{"shop":1}"#), .audience),
            (good.replacing(#""aud":"shop","#, with: ""), .audience),
            (good.replacing("{\"id\":7}", with: "{\"id\":null}"), .claim("tenant.id")),
            (good.replacing("{\"id\":7}", with: "7"), .claim("tenant.id")),
            // Two of one name, and one of them in disguise.
            (good + #","exp":1900000000"#, .malformed),
            (good + #","\u0065xp":1900000000"#, .malformed),
        ] as [(String, TokenError?)] {
            let token = Self.key(.rsa).token("{\(claims)}", by: "RS256", header: #""kid":"a""#)
            #expect(Self.fault(token, verifier) == fault, "\(claims)")
        }
    }

    @Test func `leeway moves both ends of the time that a token is valid`() throws {
        let verifier = Self.verifier(try Self.set((.rsa, ""))) { $0.leeway = .milliseconds(1500) }
        let token = Self.key(.rsa).token(#"{"nbf":1800000000,"exp":1800000010}"#, by: "RS256")
        for (now, fault) in [
            (1_799_999_998.0, .notYetValid), (1_799_999_998.5, nil), (1_800_000_011.25, nil),
            (1_800_000_011.5, .expired),
            // From what was remembered as well.
            (1_800_000_011.75, .expired), (1_800_000_005, nil),
        ] as [(Double, TokenError?)] {
            #expect(Self.fault(token, verifier, at: now) == fault, "\(now)")
        }
    }

    @Test func `an algorithm is what the configuration says, never what a token wishes`() throws {
        let rsa = Self.key(.rsa)
        let claims = #"{"exp":1900000000}"#
        let verifier = Self.verifier(try KeySet(file: Array(rsa.pem.utf8)))
        #expect(Self.fault(rsa.token(claims, by: "RS256"), verifier) == nil)
        for name in ["none", "None", "NONE", "HS256", "RS384", "PS256", "rs256", "", "ES256"] {
            #expect(Self.fault(rsa.token(claims, by: name), verifier) == .algorithm, "\(name)")
        }
        let unsigned = Base64.encode(#"{"alg":"none"}"#) + "." + Base64.encode(claims) + "."
        #expect(Self.fault(unsigned, verifier) == .algorithm)
        // What everyone has of the issuer is no secret, even where secrets are accepted.
        let both = Self.verifier(try KeySet(file: Array(rsa.pem.utf8)), [.rs256, .hs256])
        for text in [rsa.pem, String(rsa.pem.dropLast()), rsa.jwk()] {
            let forged = SigningKey(secret: Array(text.utf8)).token(claims, by: "HS256")
            #expect(Self.fault(forged, both) == .unknownKey)
        }
    }

    @Test func `what is not well-formed is refused before anything is computed of it`() throws {
        let rsa = Self.key(.rsa)
        let verifier = Self.verifier(try Self.set((.rsa, "")))
        let good = rsa.token(#"{"exp":1900000000}"#, by: "RS256")
        let parts = good.split(separator: ".").map(String.init)
        let padded = parts[0] + "=." + parts[1] + "." + parts[2]
        var cases: [(String, TokenError)] = [
            ("", .malformed), (".", .malformed), ("..", .malformed), ("...", .malformed), ("a.b", .malformed),
            (good + ".", .malformed), (good + "=", .malformed), (padded, .malformed), (" " + good, .malformed),
            (good.replacing(".", with: ". "), .malformed), (parts[0] + "." + parts[1], .malformed),
            (parts[0] + ".." + parts[2], .malformed),
            (String(repeating: "a", count: 16 << 10 | 1), .tooLong),
            (String(repeating: ".", count: 16 << 10), .malformed),
            (Base64.encode("[]") + "." + parts[1] + "." + parts[2], .malformed),
            (parts[0] + "." + Base64.encode("\"exp\"") + "." + parts[2], .malformed),
            (parts[0] + "." + Base64.encode([0xFF, 0xFE]) + "." + parts[2], .malformed),
            (parts[0] + "." + Base64.encode(String(repeating: "[", count: 5000)) + "." + parts[2], .malformed),
        ]
        for header in [
            "{}", #"{"alg":1}"#, #"{"alg":null}"#, #"{"alg":"RS256","alg":"none"}"#, #"{"alg":"RS256","kid":7}"#,
            #"{"alg":"RS256","\u0061lg":"RS256"}"#,
        ] {
            cases.append((rsa.token(#"{"exp":1900000000}"#, header: header, by: "RS256"), .malformed))
        }
        for critical in [#""crit":["b64"],"b64":false"#, #""crit":["exp"],"exp":1"#, #""crit":[]"#, #""crit":null"#] {
            cases.append((rsa.token(#"{"exp":1900000000}"#, by: "RS256", header: critical), .critical))
        }
        for (token, fault) in cases { #expect(Self.fault(token, verifier) == fault, "\(token.prefix(80))") }
        // Bits behind the end of the last byte would let one token be written in several ways.
        let signature = Base64.decode(Array(parts[2].utf8).span)
        #expect(signature?.count == 256)
        let last = try #require(parts[2].last)
        for other in "ABCDEFGHIJKLMNOP" where other != last {
            let token = String(good.dropLast()) + String(other)
            #expect(Self.fault(token, verifier) != nil, "\(other)")
        }
    }

    @Test func `a token names its key`() throws {
        let (rsa, other) = (Self.key(.rsa), SigningKey(.rsa))
        let claims = #"{"exp":1900000000}"#
        let set = try KeySet(
            json: Array(#"{"keys":[\#(rsa.jwk(#""kid":"a""#)),\#(other.jwk(#""kid":"b""#)),{"kty":"new"}]}"#.utf8))
        let verifier = Self.verifier(set)
        for (key, header, fault) in [
            (rsa, #""kid":"a""#, nil), (other, #""kid":"b""#, nil), (rsa, #""kid":"b""#, .signature),
            (rsa, #""kid":"c""#, .unknownKey), (rsa, #""kid":"""#, .unknownKey),
            // Nothing says which of the two it is.
            (rsa, "", .unknownKey),
        ] as [(SigningKey, String, TokenError?)] {
            #expect(Self.fault(key.token(claims, by: "RS256", header: header), verifier) == fault, "\(header)")
        }
        let one = Self.verifier(try Self.set((.rsa, #""kid":"a""#), (.p256, #""kid":"b""#)))
        #expect(Self.fault(rsa.token(claims, by: "RS256"), one) == nil)
        // A key without a name, as in a PEM file, is for whatever name.
        let pem = Self.verifier(try KeySet(file: Array(rsa.pem.utf8)))
        #expect(Self.fault(rsa.token(claims, by: "RS256", header: #""kid":"x""#), pem) == nil)
    }

    @Test func `a key set leaves out keys that are of no use, and one without any is refused`() throws {
        let claims = #"{"exp":1900000000}"#
        for (members, isOfUse) in [
            ("", true), (#""use":"sig""#, true), (#""use":"enc""#, false), (#""alg":"RS256""#, true),
            (#""alg":"RS512""#, false), (#""alg":"RSA-OAEP""#, false), (#""key_ops":["verify"]"#, true),
            (#""key_ops":["sign"]"#, false),
        ] {
            let keys = try Self.set((.rsa, members), (.p256, #""kid":"b""#))
            let token = Self.key(.rsa).token(claims, by: "RS256", header: #""kid":"a""#)
            #expect((Self.fault(token, Self.verifier(keys)) == nil) == isOfUse, "\(members)")
        }
        let good = Self.key(.p256).jwk()
        for text in [
            "", "{}", "[]", #"{"keys":{}}"#, #"{"keys":[]}"#, #"{"keys":[1]}"#, #"{"keys":[{"kty":"RSA"}]}"#,
            "{\"keys\":[\(SigningKey(.rsa, bits: 1024).jwk())]}",
            "{\"keys\":[\(SigningKey(.secret, bits: 128).jwk())]}",
            "{\"keys\":[\(good.replacing("P-256", with: "P-384"))]}",
            // A point that is not on the curve.
            "{\"keys\":[\(good.replacing(/"y":"...../, with: "\"y\":\"AAAAA"))]}",
            #"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}"#,
            #"{"keys":[{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA"}]}"#,
        ] {
            #expect(throws: KeyError.self, "\(text.prefix(100))") {
                try KeySet(json: Array(text.utf8), mayHaveSecrets: true)
            }
        }
        // Who can fetch a secret could sign with it.
        let secret = Array("{\"keys\":[\(Self.key(.secret).jwk())]}".utf8)
        #expect(throws: KeyError.noUsableKey) { try KeySet(json: secret) }
        #expect(try KeySet(file: secret).count == 1)
        for text in ["", "x", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"] {
            #expect(throws: KeyError.noKeyFile) { try KeySet(file: Array(text.utf8)) }
        }
    }

    @Test func `of a thousand keys the right one is found`() throws {
        let keys = (0..<1000).map { _ in SigningKey(.ed25519) }
        let list = keys.enumerated().map { $1.jwk("\"kid\":\"k\($0)\"") }.joined(separator: ",")
        let set = try KeySet(json: Array("{\"keys\":[\(list)]}".utf8))
        #expect(set.count == 1000)
        let verifier = Self.verifier(set, [.edDSA])
        for number in [0, 1, 499, 999] {
            let token = keys[number].token(#"{"exp":1900000000}"#, by: "EdDSA", header: "\"kid\":\"k\(number)\"")
            #expect(Self.fault(token, verifier) == nil)
            let wrong = keys[number].token(#"{"exp":1900000000}"#, by: "EdDSA", header: "\"kid\":\"k\(number ^ 1)\"")
            #expect(Self.fault(wrong, verifier) == .signature)
        }
    }

    @Test func `good tokens are remembered, a bounded number of them, and none beyond its keys`() throws {
        let secret = SigningKey(.secret, bits: 256)
        let verifier = TokenVerifier(TokenPolicy([.hs256]), keys: KeySet(secret: secret.secret), remembering: 100)
        let tokens = (0..<1000).map { secret.token("{\"n\":\($0),\"exp\":1900000000}", by: "HS256") }
        for token in tokens {
            #expect(Self.fault(token, verifier) == nil)
            #expect(verifier.count <= 100)
            // What is asked for all the time stays.
            #expect(Self.fault(tokens[0], verifier) == nil)
        }
        #expect(verifier.count >= 50)
        let bad = SigningKey(.secret, bits: 256).token(#"{"exp":1900000000}"#, by: "HS256")
        let before = verifier.count
        #expect(Self.fault(bad, verifier) == .signature)
        #expect(verifier.count == before)
        verifier.keys = KeySet(secret: secret.secret)
        #expect(verifier.count == before)
        verifier.keys = KeySet(secret: SigningKey(.secret, bits: 256).secret)
        #expect(verifier.count == 0)
        #expect(Self.fault(tokens[0], verifier) == .signature)
    }

    @Test func `a digest is what SHA-256 makes of its bytes`() {
        let known = Digest(hexadecimal: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(known == Digest(of: Array("abc".utf8).span))
        #expect(known == Digest(hexadecimal: "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"))
        #expect(known != Digest(of: Array("abd".utf8).span))
        #expect(Digest(hexadecimal: "ba78") == nil && Digest(hexadecimal: String(repeating: "g", count: 64)) == nil)
    }
}
