import EventLoop
import Fetch
import GatherConfig
import HTTPTypes
import HTTPWire
import Logging
import Synchronization
import Tokens

/// Fetches a key set at the start, when it is due, and when a token's key is not in it; one loop does so for all.
///
/// While the source is down, the keys stay that were fetched last.
struct KeyKeeper {
    let source: KeySource
    let remote: RemoteKeys
    let counts: KeyFetchCounts
    let logger: Logger

    /// What a set may be long: some thousand keys.
    private static let mostBytes = 4 << 20
    private static let longestRest = Duration.seconds(30)

    /// Fetches until its task is cancelled or the source is retired.
    func run(on loop: isolated EventLoop) async {
        let fetcher = Fetcher(on: loop)
        defer { fetcher.close() }
        var failures = 0
        while true {
            source.beginFetch()
            var fetched: KeySet?
            do {
                fetched = try await fetch(by: fetcher, on: loop)
            } catch {
                guard !Task.isCancelled else { break }
                if failures == 0 {
                    log(.warning, "the keys for verifying tokens could not be fetched", ["error": "\(error)"])
                }
                failures += 1
            }
            counts.count(isGood: fetched != nil)
            let isChanged = source.endFetch(fetched, at: loop.now)
            if let fetched {
                if isChanged || failures > 0 {
                    log(
                        .notice, "the keys for verifying tokens were fetched",
                        ["keys": .stringConvertible(fetched.count)])
                }
                failures = 0
            }
            let rest = failures == 0 ? remote.refresh : min(remote.refresh, Self.rest(after: failures))
            guard await source.waitForNextFetch(until: loop.now.advanced(by: rest), on: loop) else { break }
        }
        source.retire()
    }

    private func fetch(by fetcher: Fetcher, on loop: isolated EventLoop) async throws -> KeySet {
        var options = FetchOptions()
        options.connectTimeout = remote.timeout
        options.response.bodyBytes = Self.mostBytes
        options.tls.authorities = remote.authorities
        // A fetch in ten minutes needs no connection kept, and finds a new address.
        let origin = try fetcher.origin(
            base: remote.origin.base, prefix: remote.origin.prefix, options: options)
        defer { fetcher.remove(origin) }
        var fields = FieldSection()
        try fields.append(.accept, "application/jwk-set+json, application/json")
        try fields.append(.userAgent, ClientRequest.userAgent)
        let response = try await fetcher.fetch(
            ClientRequest(target: remote.target, fields: fields), from: origin,
            until: loop.now.advanced(by: remote.timeout), on: loop)
        guard response.status == 200 else { throw KeyFetchError(description: "status \(response.status)") }
        // A thousand keys take tens of milliseconds.
        return try await loop.runBlocking { try KeySet(json: response.body) }
    }

    private static func rest(after failures: Int) -> Duration {
        min(longestRest, .seconds(1 << min(failures - 1, 5)))
    }

    /// The host stands for the source: the rest of the URL may be secret.
    private func log(_ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata) {
        logger.log(
            level: level, message, metadata: metadata.merging(["source": "\(remote.origin.base)"]) { first, _ in first }
        )
    }
}

/// How often keys were fetched, by all keepers of a process.
final class KeyFetchCounts: Sendable {
    struct Value: Sendable {
        var good = 0
        var failed = 0
    }

    private let counts = Mutex(Value())

    var value: Value { counts.withLock { $0 } }

    fileprivate func count(isGood: Bool) { counts.withLock { if isGood { $0.good += 1 } else { $0.failed += 1 } } }
}

private struct KeyFetchError: Error, CustomStringConvertible { let description: String }
