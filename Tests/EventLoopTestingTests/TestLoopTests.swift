import EventLoop
import EventLoopTesting
import Testing

@Suite struct TestLoopTests {
    @TaskLocal static var request = "none"

    @Test func `what fails on a test's loop is known as the test's own`() throws {
        // The issue finds the expectation that it is known, and the test that it is of, by task-local values.
        withKnownIssue {
            try TestLoop.run { _ in #expect(Bool(false), "on virtual time") }
        }
        withKnownIssue {
            try TestLoop.runOnSystem { _ in #expect(Bool(false), "on the system's clock") }
        }
        withKnownIssue {
            try TestLoop.explore(seeds: 1...2) { loop in
                try await loop.sleep(for: .seconds(1))
                #expect(Bool(false), "under a seed")
            }
        }
        let name = try TestLoop.run { _ in Test.current?.name }
        #expect(name == Test.current?.name && name != nil)
    }

    @Test func `a loop's tasks have the task-local values of who started the loop, on every thread`() throws {
        try Self.$request.withValue("42") {
            #expect(try EventLoop.run { _ in Self.request } == "42")
            #expect(try EventLoop.runVirtual { _ in Self.request } == "42")
            try EventLoop.runGroup(count: 3) { loop, _ in
                #expect(Self.request == "42")
                await withDiscardingTaskGroup { group in
                    group.addImmediateTask { #expect(Self.request == "42") }
                }
            }
        }
    }
}
