import EventLoop
import Fetch
import GatherConfig
import HTTPTypes
import HTTPWire
import JSONText
import Waterfall

/// A request whose calls are drawn, and where it goes.
struct TraceTarget: Sendable {
    let request: ClientRequest
    /// `host:port`, as the resolver of addresses reads it.
    private let address: String
    /// As it stands in the Host field.
    private let authority: String
    private let isTLS: Bool

    private static let accept = "application/x-ndjson, application/json;q=0.5, */*;q=0.1"

    init(_ url: String, method: String, fields: [String], body: String?) throws(UsageError) {
        var rest = url[...]
        isTLS = rest.hasPrefix("https://")
        for scheme in ["http://", "https://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        guard !rest.contains("://") else { throw UsageError(url, "is neither http nor https") }
        let slash = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        authority = String(rest[..<slash])
        let path = rest[slash...].prefix { $0 != "#" }
        guard !authority.isEmpty, !authority.contains("@") else {
            throw UsageError(url, "has no host", "write http://host:port/path")
        }
        let hasPort = authority.last != "]" && authority.contains(":")
        address = hasPort ? authority : authority + (isTLS ? ":443" : ":80")
        var section = FieldSection()
        do {
            for field in fields {
                let parts = field.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, let name = HTTPField.Name(String(parts[0])) else {
                    throw UsageError(field, "is not a header field", "write 'Name: value'")
                }
                try section.append(name, String(parts[1].drop { $0 == " " }))
            }
            if section[.accept] == nil { try section.append(.accept, Self.accept) }
            if body != nil, section[.contentType] == nil { try section.append(.contentType, "application/json") }
            guard let method = HTTPRequest.Method(rawValue: method) else { throw UsageError(method, "is not a method") }
            var request = try ClientRequest(
                method, target: path.hasPrefix("/") ? String(path) : "/" + path, fields: section,
                body: body.map { Array($0.utf8) })
            request.keptFields = .always
            self.request = request
        } catch let error as UsageError {
            throw error
        } catch {
            throw UsageError(url, "cannot be requested: \(error)")
        }
    }

    /// Sends the request, and tells the screen what comes of it, as it comes.
    func run(_ screen: TraceScreen, until deadline: LoopInstant, on loop: isolated EventLoop) async throws {
        if isTLS { return try await fetch(screen, until: deadline, on: loop) }
        let address = address
        let addresses: [SocketAddress]
        do {
            addresses = try await loop.runBlocking { try SocketAddress.resolve(address) }
        } catch let error as SocketAddressError {
            throw UsageError(authority, error.description)
        }
        let stream: SocketStream
        do throws(StreamError) {
            stream = try await connect(to: addresses, until: deadline, on: loop)
        } catch {
            throw UsageError(authority, error.description)
        }
        defer { stream.close() }
        var records = TraceRecords()
        screen.begin(at: loop.time)
        let answer = try await stream.exchange(request, authority: authority, until: deadline, on: loop) { reader in
            try records.take(reader.takeContent(), reader.fields, screen)
            return true
        }
        guard let answer else { throw UsageError(authority, "the answer was cut short") }
        try records.end(status: answer.head?.status ?? 0, answer.fields, screen)
    }

    private func connect(
        to addresses: [SocketAddress], until deadline: LoopInstant, on loop: isolated EventLoop
    ) async throws(StreamError) -> SocketStream {
        var last = StreamError.closed
        for address in addresses {
            do throws(StreamError) {
                return try await SocketStream.connect(to: address, until: deadline, on: loop)
            } catch {
                last = error
            }
        }
        throw last
    }

    /// Over TLS the answer is drawn when all of it is there.
    private func fetch(_ screen: TraceScreen, until deadline: LoopInstant, on loop: isolated EventLoop) async throws {
        let fetcher = Fetcher(on: loop)
        defer { fetcher.close() }
        let response: ClientResponse
        do throws(FetchError) {
            let origin = try fetcher.origin(base: "https://" + authority)
            screen.begin(at: loop.time)
            response = try await fetcher.fetch(request, from: origin, until: deadline, on: loop)
        } catch {
            throw UsageError(authority, error.description)
        }
        var records = TraceRecords()
        try records.take(response.body, response.fields, screen)
        try records.end(status: response.status, response.fields, screen)
    }
}

/// The content of an answer on its way to the screen.
private struct TraceRecords {
    private var line: [UInt8] = []

    mutating func take(_ content: [UInt8], _ fields: FieldSection, _ screen: TraceScreen) throws {
        guard fields[.contentType]?.hasPrefix("application/x-ndjson") ?? false else { return }
        for byte in content {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            let record = line
            line = []
            screen.note(record)
            var failure: JSONError?
            screen.take { trace in
                do throws(JSONError) { try trace.take(line: record) } catch { failure = error }
            }
            if let failure { throw UsageError("a record", "is not JSON: \(failure)") }
        }
    }

    func end(status: Int, _ fields: FieldSection, _ screen: TraceScreen) throws {
        screen.take { trace in
            trace.status = trace.status ?? status
            guard trace.calls.isEmpty, let timing = fields[.known("Server-Timing")] else { return }
            trace.take(serverTiming: timing)
        }
    }
}
