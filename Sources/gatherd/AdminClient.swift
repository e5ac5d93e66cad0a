import EventLoop
import GatherConfig
import HTTPTypes
import HTTPWire

/// Asks the admin listener of a running service.
struct AdminClient: Sendable {
    let address: ListenAddress

    /// The whole content of an answer.
    func content(of target: String, within limit: Duration, on loop: isolated EventLoop) async throws -> [UInt8] {
        var content: [UInt8] = []
        try await get(target, until: loop.time.advanced(by: limit), on: loop) { piece in
            content += piece
            return true
        }
        return content
    }

    /// Passes the lines of an answer to `take` as they arrive, until it returns false or the answer ends.
    func lines(
        of target: String, on loop: isolated EventLoop, take: (ArraySlice<UInt8>) throws -> Bool
    ) async throws {
        var rest: [UInt8] = []
        try await get(target, accept: "application/x-ndjson", until: nil, on: loop) { piece in
            rest += piece
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                guard try take(rest[..<end]) else { return false }
                rest.removeFirst(end + 1)
            }
            return true
        }
    }

    private func get(
        _ target: String, accept: String? = nil, until deadline: LoopInstant?, on loop: isolated EventLoop,
        take: ([UInt8]) throws -> Bool
    ) async throws {
        let asked = "\(address)\(target.prefix { $0 != "?" })"
        do {
            let addresses = try await loop.runBlocking { [address] in try SocketAddress.resolve("\(address)") }
            let stream = try await SocketStream.connect(to: addresses[0], until: deadline, on: loop)
            defer { stream.close() }
            var request = try ClientRequest(.get, target: target)
            if let accept { try request.fields.append(.accept, accept) }
            let answer = try await stream.exchange(
                request, authority: "\(address)", until: deadline, on: loop
            ) { reader in
                if let status = reader.head?.status, status != 200 {
                    let doubt = status == 404 ? "; is it the admin listener of a gatherd of this version?" : ""
                    throw AdminError("\(asked): it answers with \(status)\(doubt)")
                }
                return try take(reader.takeContent())
            }
            if answer == nil { throw AdminError("\(asked): it has ended") }
        } catch let error as AdminError {
            throw error
        } catch {
            throw AdminError("\(asked): \(error)")
        }
    }
}

/// Why nothing has come of asking a service.
struct AdminError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
