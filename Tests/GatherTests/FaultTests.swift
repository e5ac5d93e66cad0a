import EventLoop
import Glibc
import Testing

@testable import Gather

/// Plans, faults, clients that leave and new configurations, drawn from seeds on virtual time.
///
/// A failure names its seed; `GATHERD_FAULT_SEEDS=4711-4711` runs that one alone, `GATHERD_FAULT_SEEDS=0-9999` all.
@Suite struct FaultTests {
    /// The seeds to run: fewer than all, since the suite is to stay fast, and a tenth where nothing is optimised.
    private static func seeds() throws -> ClosedRange<UInt64> {
        guard let text = unsafe getenv("GATHERD_FAULT_SEEDS").map({ unsafe String(cString: $0) }) else {
            #if DEBUG
                return 0...199
            #else
                return 0...1999
            #endif
        }
        let ends = text.split(separator: "-").compactMap { UInt64($0) }
        return try #require(ends.count == 2 && ends[0] <= ends[1] ? ends[0]...ends[1] : nil, "write it as 0-9999")
    }

    @Test func `whatever fails and whoever leaves, gathers end in time and leave nothing behind`() throws {
        var all = FaultRun.Record()
        let seeds = try Self.seeds()
        for seed in seeds {
            let record = try FaultRun.record(seed)
            #expect(record.problems.isEmpty, "seed \(seed): \(record.problems)")
            all.outcomes.merge(record.outcomes, uniquingKeysWith: +)
            all.verdicts.merge(record.verdicts, uniquingKeysWith: +)
            all.reached.merge(record.reached, uniquingKeysWith: +)
        }
        // What the seeds reach: every verdict, every outcome, and all that calls can have, often.
        guard seeds.count >= 2000 else { return }
        #expect(Set(all.outcomes.keys) == Set(Outcome.allCases))
        #expect(all.outcomes.values.allSatisfy { $0 > 200 }, "\(all.outcomes)")
        #expect(all.verdicts.count == 3 && all.verdicts.values.allSatisfy { $0 > 500 }, "\(all.verdicts)")
        #expect(all.reached.count == 4 && all.reached.values.allSatisfy { $0 > 200 }, "\(all.reached)")
    }

    @Test func `equal seeds give equal gathers, to the last attempt`() throws {
        for seed in try Self.seeds() where seed % 20 == 0 {
            let records = try (0..<2).map { _ in try FaultRun.record(seed) }
            #expect(records[0] == records[1], "seed \(seed)")
        }
    }

    @Test(
        "Exchanges under way are waited for in the order in which they began, not in that of their addresses",
        arguments: [1672, 3146, 3885, 8262, 8936, 9371])
    func waiting(_ seed: UInt64) throws {
        let record = try FaultRun.record(seed)
        for _ in 0..<4 { #expect(try FaultRun.record(seed) == record) }
    }
}
