import EventLoop
import Glibc
import Logging
import Testing

@testable import GatherService

@Suite struct FloodTests {
    private func warning(_ metadata: Logger.Metadata = [:]) -> WarningLine { WarningLine(.warning, "m", metadata) }

    private func number(_ number: Int) -> Logger.Metadata { ["duration_us": .stringConvertible(number)] }

    @Test func `of equal lines one is written in a second, and then how many there were`() {
        var floods = Floods()
        func admits(_ line: WarningLine, at now: Int64) -> Bool { floods.admits(line, at: now) }
        func counts(at now: Int64, isEnd: Bool = false) -> [Int] {
            floods.takeRepeated(at: now, isEnd: isEnd).map(\.count)
        }
        #expect(admits(warning(), at: 0))
        for time in 1...5 { #expect(!admits(warning(), at: Int64(time) * 100_000_000)) }
        #expect(counts(at: 999_999_999) == [] && floods.hasRepeated)
        // Nothing gets in front of what is still to be told.
        #expect(!admits(warning(), at: 1_000_000_000))
        #expect(counts(at: 1_000_000_000) == [6])
        #expect(!floods.hasRepeated)
        #expect(!admits(warning(), at: 1_900_000_000))
        #expect(counts(at: 1_900_000_000, isEnd: true) == [1])
        #expect(admits(warning(), at: 2_900_000_000))
    }

    @Test func `lines are equal that differ in numbers alone, and the last stands for all`() throws {
        var floods = Floods()
        func admits(_ line: WarningLine, at now: Int64) -> Bool { floods.admits(line, at: now) }
        #expect(admits(warning(number(1)), at: 0))
        #expect(!admits(warning(number(2)), at: 1))
        #expect(!admits(warning(number(3)), at: 2))
        #expect(admits(warning(["host": "a"]), at: 3))
        #expect(admits(warning(["host": "b"]), at: 4))
        let all = floods.takeRepeated(at: 1_000_000_000)
        let repeated = try #require(all.first)
        #expect(repeated.count == 2 && "\(repeated.line.metadata)" == "\(number(3))")
    }

    @Test func `many kinds at once are no flood, and take no room`() {
        var floods = Floods()
        func admits(_ line: WarningLine, at now: Int64) -> Bool { floods.admits(line, at: now) }
        for kind in 0..<1000 { #expect(admits(warning(["host": "\(kind)"]), at: 0)) }
        #expect(!admits(warning(["host": "0"]), at: 1))
        #expect(admits(warning(["host": "999"]), at: 1))
        // Those of long ago have made room.
        #expect(admits(warning(["host": "999"]), at: 2_000_000_000))
        #expect(!admits(warning(["host": "999"]), at: 2_000_000_001))
    }

    @Test func `a log has a flood in a few lines that say how many there were, and all of what is no flood`() throws {
        var ends = [CInt](repeating: 0, count: 2)
        try #require(unsafe pipe(&ends) == 0)
        let writer = LogWriter(.text, to: ends[1])
        let logger = Logger(label: "test") { _ in LineLogHandler(writer) }
        for number in 0..<1000 { logger.warning("held", metadata: ["duration_us": .stringConvertible(number)]) }
        for _ in 0..<3 { logger.notice("served") }
        #expect(writer.close(within: .seconds(60)))
        close(ends[1])
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = unsafe read(ends[0], &bytes, bytes.count)
        close(ends[0])
        let lines = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").map { $0.dropFirst(25) }
        #expect(lines.count { $0 == "notice served" } == 3)
        let held = lines.filter { $0.hasPrefix("warning held ") }
        // One more for each second that it took.
        #expect((2..<100).contains(held.count))
        #expect(
            held.reduce(0) { $0 + ($1.split(separator: "repeated=").dropFirst().first.flatMap { Int($0) } ?? 1) }
                == 1000)
        // In the last line, unless the writer was held for a second: then a report of those before may follow it.
        #expect(held.contains { $0.split(separator: " ").contains("duration_us=999") })
    }
}
