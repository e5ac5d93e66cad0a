import EventLoop
import EventLoopTesting
import Testing

@testable import HTTPServer

struct MemoryAfterBurstTests {
    @Test func `connections that were open when memory was last given back are a burst when they close`() throws {
        let rests = try TestLoop.run { loop in
            let memory = MemoryAfterBurst(loop.reactor)
            return try await loop.withTimeout(.seconds(60)) {
                try await loop.withTaskScope { scope in
                    let rests = loop.spawn(in: scope) {
                        var rests = 0
                        while rests < 2, await memory.waitForRest(on: loop) { rests += 1 }
                        return rests
                    }
                    try await loop.sleep(for: .seconds(1))
                    for count in 1...1000 { memory.connectionOpened(count) }
                    memory.released(64 << 20)
                    try await loop.sleep(for: .seconds(5))
                    for count in (0..<1000).reversed() { memory.connectionClosed(count) }
                    return try await rests.value
                }
            }
        }
        #expect(rests == 2)
    }
}
