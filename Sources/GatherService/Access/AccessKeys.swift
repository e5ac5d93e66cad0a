import GatherConfig
import Tokens

/// The keys by which one generation of a configuration verifies who asks: shared by its loops.
final class AccessKeys: Sendable {
    let settings: AccessSettings
    /// In the order of the settings' tokens.
    let sources: [KeySource]

    /// - Parameter earlier: that of the generation before. A key set that both fetch from one place stays, and is
    ///   fetched by the same keeper.
    init(_ settings: AccessSettings, after earlier: AccessKeys?) {
        self.settings = settings
        var known: [RemoteKeys: KeySource] = [:]
        for source in earlier?.sources ?? [] {
            if let remote = source.remote { known[remote] = source }
        }
        sources = settings.tokens.map { tokens in
            switch tokens.keys {
            case .file(_, let keys), .secret(let keys): return KeySource(keys)
            case .remote(let remote):
                let source = known[remote] ?? KeySource(remote)
                known[remote] = source
                return source
            }
        }
    }

    /// Has keys that are fetched fetched again, as when an issuer has withdrawn one; until then those that there are stay.
    func fetchAgain() {
        for source in sources where source.remote != nil { source.fetchAgain() }
    }

    /// Ends what this generation fetches and the next does not.
    func retire(for next: AccessKeys) {
        for source in sources where !next.sources.contains(where: { $0 === source }) { source.retire() }
    }
}
