import Testing

@testable import Tokens

@Suite struct APIKeyTests {
    // What sha256sum makes of "alpha" and "beta".
    private static let alpha = "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8"
    private static let beta = "f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753"

    private static func keys(_ text: String) throws -> APIKeys { try APIKeys(file: Array(text.utf8)) }

    private static func name(_ key: String, in keys: APIKeys) -> String? { keys.name(of: Array(key.utf8).span) }

    @Test func `a key is known by its digest, whatever else the file has in it`() throws {
        let keys = try Self.keys("# partners\n\nshop-a \(Self.alpha)\r\n\tshop-b\t \(Self.beta.uppercased())  \n")
        #expect(keys.count == 2)
        #expect(Self.name("alpha", in: keys) == "shop-a")
        #expect(Self.name("beta", in: keys) == "shop-b")
        for other in ["", "Alpha", "alpha ", "gamma", Self.alpha] { #expect(Self.name(other, in: keys) == nil) }
        // One client may have an old and a new key.
        let both = try Self.keys("shop \(Self.alpha)\nshop \(Self.beta)")
        #expect(Self.name("alpha", in: both) == "shop" && Self.name("beta", in: both) == "shop")
        #expect(try Self.keys("").count == 0)
    }

    @Test func `a line that is wrong is named, and not shown`() {
        for (text, line) in [
            ("shop", 1), ("\n\nshop alpha", 3), ("shop \(Self.alpha) x", 1), ("a \(Self.alpha)\nb \(Self.alpha)", 2),
            ("shop \(Self.alpha.dropLast())", 1), ("sh\u{F6}p \(Self.alpha)", 1),
        ] {
            do throws(APIKeyError) {
                _ = try APIKeys(file: Array(text.utf8))
                Issue.record("\(text)")
            } catch {
                #expect(error.description.hasPrefix("line \(line): "), "\(text)")
                #expect(!error.description.contains("shop") && !error.description.contains(Self.alpha.prefix(4)))
            }
        }
    }
}
