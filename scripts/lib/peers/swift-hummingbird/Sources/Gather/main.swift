// Hummingbird and AsyncHTTPClient, a task group.
import AsyncHTTPClient
import Hummingbird
import Logging
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#endif

func env(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

let url = "http://127.0.0.1:\(env("UPSTREAM_PORT") ?? "9001")/u/1KB"
let port = Int(env("PORT") ?? "") ?? 8085

var configuration = HTTPClient.Configuration()
configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1024
let client = HTTPClient(
    eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton),
    configuration: configuration
)

@Sendable func fetch() async throws -> ByteBuffer {
    let response = try await client.execute(HTTPClientRequest(url: url), timeout: .seconds(5))
    guard response.status == .ok else { throw HTTPError(.badGateway) }
    return try await response.body.collect(upTo: 1 << 20)
}

@Sendable func gather(_ n: Int) async throws -> Response {
    let parts = try await withThrowingTaskGroup(of: (Int, ByteBuffer).self) { group in
        for index in 0..<n {
            group.addTask { (index, try await fetch()) }
        }
        var parts = [ByteBuffer?](repeating: nil, count: n)
        for try await (index, body) in group { parts[index] = body }
        return parts
    }
    var out = ByteBuffer()
    out.reserveCapacity(parts.reduce(2) { $0 + 8 + ($1?.readableBytes ?? 0) })
    out.writeStaticString("{")
    for (index, part) in parts.enumerated() {
        if index > 0 { out.writeStaticString(",") }
        out.writeString("\"k\(index)\":")
        if let part { out.writeImmutableBuffer(part) }
    }
    out.writeStaticString("}")
    return Response(
        status: .ok,
        headers: [.contentType: "application/json"],
        body: .init(byteBuffer: out)
    )
}

let router = Router()
router.get("hello") { _, _ -> String in "Hello, World!" }
router.get("gather1") { _, _ in try await gather(1) }
router.get("gather8") { _, _ in try await gather(8) }
router.get("gather32") { _, _ in try await gather(32) }

var logger = Logger(label: "gather")
logger.logLevel = .error
let app = Application(
    router: router,
    configuration: .init(address: .hostname("127.0.0.1", port: port)),
    logger: logger
)
try await app.runService()
