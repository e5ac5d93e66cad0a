import Glibc
import TestSupport
import Testing

@testable import EventLoop
@testable import GatherService

/// The log's thread, and what it writes to.
@Suite(.blocking) struct LogWriterTests {
    /// A pipe whose reader a test is.
    private struct Pipe {
        var reading: CInt
        var writing: CInt

        init(isBlocking: Bool = true) throws {
            var ends: [CInt] = [0, 0]
            // The array has room for both ends.
            try #require(unsafe pipe(&ends) == 0)
            (reading, writing) = (ends[0], ends[1])
            if !isBlocking { _ = fcntl(writing, F_SETFL, O_NONBLOCK) }
        }

        /// All that is written until the other end is closed.
        func readAll() -> String {
            var all: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 65536)
            // The piece is alive while it is read into.
            while case let count = unsafe Glibc.read(reading, &piece, piece.count), count > 0 { all += piece[..<count] }
            return String(decoding: all, as: UTF8.self)
        }
    }

    /// The numbers of the lines that were written, and how many the log says were dropped.
    private func read(_ text: String) -> (written: [Int], dropped: Int) {
        var (written, dropped) = ([Int](), 0)
        for line in text.split(separator: "\n") {
            if let number = Int(line.prefix { $0 != " " }) { written.append(number) }
            if line.contains("dropped"), let count = line.split(separator: "lines=").last { dropped += Int(count) ?? 0 }
        }
        return (written, dropped)
    }

    private func line(_ number: Int) -> [UInt8] {
        Array("\(number) \(String(repeating: "x", count: 200))\n".utf8)
    }

    @Test(
        "Who logs does not wait for a reader that takes nothing, and all lines are written or counted",
        arguments: [true, false])
    func stoppedReader(isBlocking: Bool) throws {
        let pipe = try Pipe(isBlocking: isBlocking)
        let writer = LogWriter(.text, to: pipe.writing)
        for number in 0..<20_000 { writer.append(line(number)) }
        #expect(!writer.close(within: .zero))
        // The reader takes up again.
        let thread = LoopThread {
            while !writer.close(within: .seconds(10)) {}
            close(pipe.writing)
        }
        let (written, dropped) = read(pipe.readAll())
        try thread.join().get()
        close(pipe.reading)
        #expect(written == Array(0..<written.count))
        #expect(dropped > 0)
        #expect(written.count + dropped == 20_000)
    }

    @Test func `lines of several threads are whole, and in order for each of them`() throws {
        let pipe = try Pipe()
        let writer = LogWriter(.text, to: pipe.writing)
        let threads = (0..<4).map { thread in
            LoopThread { for number in 0..<300 { writer.append(self.line(thread * 1000 + number)) } }
        }
        let end = LoopThread {
            for thread in threads { try thread.join().get() }
            writer.close(within: .seconds(10))
            close(pipe.writing)
        }
        let text = pipe.readAll()
        try end.join().get()
        close(pipe.reading)
        #expect(text.split(separator: "\n").allSatisfy { $0.utf8.count >= 202 })
        let (written, dropped) = read(text)
        #expect(dropped == 0)
        #expect(written.sorted() == (0..<4).flatMap { thread in (0..<300).map { thread * 1000 + $0 } })
    }

    /// What a log cannot be written to, each with what is put in its place when it goes on.
    enum Obstacle: CaseIterable { case fullDisk, closedReader }

    @Test("What cannot be written is counted, and told of when it goes on", arguments: Obstacle.allCases)
    func failing(_ obstacle: Obstacle) throws {
        let pipe = try Pipe()
        let descriptor: CInt
        switch obstacle {
        case .fullDisk: descriptor = unsafe open("/dev/full", O_WRONLY)
        case .closedReader:
            let other = try Pipe()
            close(other.reading)
            descriptor = other.writing
        }
        try #require(descriptor >= 0)
        let writer = LogWriter(.json, to: descriptor)
        for number in 0..<100 { writer.append(line(number)) }
        // Until the thread has tried, and lost them.
        while writer.droppedLines < 100 { sched_yield() }
        #expect(dup2(pipe.writing, descriptor) == descriptor)
        close(pipe.writing)
        writer.append(line(100))
        #expect(writer.close(within: .seconds(10)))
        close(descriptor)
        let lines = pipe.readAll().split(separator: "\n")
        close(pipe.reading)
        // The loss may be told before the line that shows that it goes on, or after it.
        #expect(lines.count == 2)
        #expect(lines.count { $0.hasPrefix("100 ") } == 1)
        #expect(
            lines.count {
                $0.hasSuffix(
                    #""message":"log lines were dropped, because they could not be written","lines":100}"#)
            } == 1)
    }
}
