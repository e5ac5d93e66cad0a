import EventLoop
import Glibc

/// What the operations of an event loop cost: `scripts/bench loop` compares it with other loops.
///
/// Prints a line for each operation: its name and the nanoseconds that it takes, separated by a tab.
@main
struct LoopBenchmark {
    static func main() throws {
        try EventLoop.run { loop in
            try await measureTasks(on: loop)
            try await measureTimers(on: loop)
            try await measureReadiness(on: loop)
        }
        try measureThreads()
        try measureVirtualTime()
    }
}

/// Runs a tenth of the operations to warm up, then `count`, and prints the time that one takes.
func measure(
    _ name: String, _ count: Int, on loop: isolated EventLoop, _ operations: (Int) async throws -> Void
) async throws {
    try await operations(count / 10)
    let start = ContinuousClock.now
    try await operations(count)
    report(name, start.duration(to: .now) / count)
}

func report(_ name: String, _ time: Duration) {
    print("\(name)\t\(time.wholeNanoseconds)")
    fflush(nil)
}
