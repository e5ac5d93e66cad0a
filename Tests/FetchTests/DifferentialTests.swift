import EventLoop
import Foundation
import HTTPWire
import ResponseCorpus
import Synchronization
import TestSupport
import Testing

@testable import Fetch

/// Our own exchange beside libcurl's whole transfer: both get the bytes of each case of the corpus over a socket.
@Suite(.blocking) struct DifferentialTests {
    /// What a client made of a response, and whether its next request came on the same connection.
    private struct Seen: Equatable, CustomStringConvertible {
        var verdict: Verdict
        var isReused: Bool

        var description: String { "\(verdict)\(isReused ? ", and used again" : "")" }
    }

    /// How far the two sides of a case are, which run on one loop.
    private final class Progress: Sendable {
        private let state = Mutex((hasAnswered: false, hasOutcome: false, isReused: false))

        /// Whether the response is still to be sent.
        func answers() -> Bool {
            state.withLock { state in
                defer { state.hasAnswered = true }
                return !state.hasAnswered
            }
        }

        var hasOutcome: Bool {
            get { state.withLock { $0.hasOutcome } }
            set { state.withLock { $0.hasOutcome = newValue } }
        }

        var isReused: Bool {
            get { state.withLock { $0.isReused } }
            set { state.withLock { $0.isReused = newValue } }
        }
    }

    private static let goodbye = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    /// How many turns of the loop a client may need for bytes that are there.
    private static let turns = 200

    /// Sends the response of a case, and ends the connection unless the client has an outcome without that.
    private static func serve(
        _ response: ResponseCase, _ progress: Progress, _ connection: SocketEnd, on loop: isolated EventLoop
    ) async throws {
        _ = try await connection.message(on: loop)
        if progress.answers() {
            // A client that has seen enough closes.
            try? await connection.send(response.bytes, on: loop)
            for _ in 0..<turns where !progress.hasOutcome { await loop.settle() }
            guard progress.hasOutcome else {
                connection.finishSending()
                _ = try await connection.end(on: loop)
                return
            }
            _ = try await connection.message(on: loop)
            progress.isReused = true
        }
        try connection.send(goodbye)
    }

    /// Not where a client of another test may look for a server that is gone.
    private static let host = FreeAddress.freeHost()

    private static func seen(_ response: ResponseCase, transfers: Bool) throws -> Seen {
        try TestLoop.runOnSystem { loop in
            let listener = try SocketListener(host: host, on: loop)
            let fetcher = Fetcher(on: loop)
            defer { fetcher.close() }
            var options = FetchOptions()
            options.connectTimeout = .seconds(20)
            options.makesTransfers = transfers
            let origin = try fetcher.origin(base: "http://\(host):\(listener.port)", options: options)
            let progress = Progress()
            return try await listener.serving(
                by: { try await serve(response, progress, $0, on: $1) }, on: loop
            ) {
                let request = ClientRequest.request(response.isHEAD ? "HEAD" : "GET", "/")
                let deadline = loop.now.advanced(by: .seconds(20))
                var verdict: Verdict
                do throws(FetchError) {
                    let answer = try await fetcher.fetch(request, from: origin, until: deadline, on: loop)
                    verdict = .response(status: answer.status, body: String(decoding: answer.body, as: UTF8.self))
                } catch {
                    verdict =
                        switch error {
                        case .reset: .cutShort
                        // How libcurl refuses some fields.
                        case .malformed, .refused: .malformed
                        case .tooLarge: .tooLarge
                        default: throw error
                        }
                }
                progress.hasOutcome = true
                if case .response = verdict {
                    _ = try? await fetcher.fetch(.get("/next"), from: origin, until: deadline, on: loop)
                }
                return Seen(verdict: verdict, isReused: progress.isReused)
            }
        }
    }

    @Test(arguments: ResponseCorpus.all)
    func `what we make of a response is what the corpus says, and where libcurl differs it says why`(
        _ response: ResponseCase
    ) throws {
        let own = try Self.seen(response, transfers: false)
        let libcurl = try Self.seen(response, transfers: true)
        #expect(own == Seen(verdict: response.verdict, isReused: response.persists))
        #expect(libcurl == own || response.difference != nil)
    }

    @Test func `the page shows each difference, with how many cases have it`() throws {
        let cases = Dictionary(grouping: ResponseCorpus.all.compactMap(\.difference), by: \.self).mapValues(\.count)
        let lines = Difference.allCases.map { difference in
            let (what, own, libcurl) = difference.line
            return "| \(what) | \(own) | \(libcurl) | \(cases[difference] ?? 0) |"
        }
        #expect(Set(cases.keys) == Set(Difference.allCases))
        let page = try String(
            contentsOfFile: #filePath.replacing(
                "Tests/FetchTests/DifferentialTests.swift", with: "Sources/Fetch/Fetch.docc/Fetch.md"), encoding: .utf8)
        #expect(page.contains(lines.joined(separator: "\n")), "\(lines.joined(separator: "\n"))")
    }
}
