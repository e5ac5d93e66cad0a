// FlyingFox and URLSession (libcurl underneath on Linux), a task group.
import FlyingFox
import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

let environment = ProcessInfo.processInfo.environment
guard let url = URL(string: "http://127.0.0.1:\(environment["UPSTREAM_PORT"] ?? "9001")/u/1KB") else {
    fatalError("UPSTREAM_PORT is no port")
}
let port = UInt16(environment["PORT"] ?? "") ?? 8086

let configuration = URLSessionConfiguration.default
configuration.httpMaximumConnectionsPerHost = 1024
configuration.urlCache = nil
configuration.httpShouldSetCookies = false
configuration.httpCookieStorage = nil
let session = URLSession(configuration: configuration)

@Sendable func fetch() async throws -> Data {
    let (data, response) = try await session.data(from: url)
    guard (response as? HTTPURLResponse)?.statusCode == 200 else { throw URLError(.badServerResponse) }
    return data
}

@Sendable func gather(_ n: Int) async throws -> HTTPResponse {
    let parts = try await withThrowingTaskGroup(of: (Int, Data).self) { group in
        for index in 0..<n {
            group.addTask { (index, try await fetch()) }
        }
        var parts = [Data](repeating: Data(), count: n)
        for try await (index, body) in group { parts[index] = body }
        return parts
    }
    var out = Data(capacity: parts.reduce(2) { $0 + 8 + $1.count })
    out.append(UInt8(ascii: "{"))
    for (index, part) in parts.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        out.append(contentsOf: "\"k\(index)\":".utf8)
        out.append(part)
    }
    out.append(UInt8(ascii: "}"))
    return HTTPResponse(statusCode: .ok, headers: [.contentType: "application/json"], body: out)
}

let server = HTTPServer(address: try .inet(ip4: "127.0.0.1", port: port), logger: .disabled)
await server.appendRoute("GET /hello") { _ in
    HTTPResponse(statusCode: .ok, headers: [.contentType: "text/plain"], body: Data("Hello, World!".utf8))
}
await server.appendRoute("GET /gather1") { _ in try await gather(1) }
await server.appendRoute("GET /gather8") { _ in try await gather(8) }
await server.appendRoute("GET /gather32") { _ in try await gather(32) }
try await server.run()
