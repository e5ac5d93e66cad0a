import EventLoop
import EventLoopTesting
import Testing

@testable import DemoUpstream

/// A plan's run as people read it.
struct TimelineTests {
    private func frame(
        _ plan: TaskPlan, at time: Duration, width: Int = 60, height: Int = 24, _ events: [TimelineEvent]
    ) -> [String] {
        var timeline = Timeline(plan)
        for event in events { timeline.note(event) }
        return TimelineChart(width: width, height: height).lines(timeline, at: time)
    }

    private func event(_ task: Int, _ change: TimelineEvent.Change, _ milliseconds: Int) -> TimelineEvent {
        TimelineEvent(task: task, change: change, time: .milliseconds(milliseconds))
    }

    @Test func `a bar ends where its task does, grows while it runs, and is not there before`() throws {
        let lines = frame(
            try TaskPlan(sleep: "1s,2s:fail,4s,3s", mode: "gather"), at: .milliseconds(2500),
            [
                event(0, .started, 0), event(1, .started, 0), event(2, .started, 0),
                event(0, .ended(.done), 1001), event(1, .ended(.failed), 2000),
            ])
        #expect(
            lines == [
                "1 sleep 1s  ███████                       1.001s done",
                "2 sleep 2s  █████████████×                2.000s failed",
                "3 sleep 4s  █████████████████             2.500s",
                "4 sleep 3s                                ",
            ])
    }

    @Test func `tasks in sequence stand one behind the other on the scale of their sum`() throws {
        let lines = frame(
            try TaskPlan(sleep: "1s,1s", mode: "sequential"), at: .seconds(2),
            [
                event(0, .started, 0), event(0, .ended(.done), 1000), event(1, .started, 1000),
                event(1, .ended(.cancelled), 2000),
            ])
        #expect(
            lines == [
                "1 sleep 1s  ██████████████                1.000s done",
                "2 sleep 1s                █████████████×  2.000s cancelled",
            ])
    }

    @Test func `a chart is as wide and as high as the terminal, whatever is in it`() throws {
        let plan = try TaskPlan(sleep: Array(repeating: "10ms", count: 9).joined(separator: ","))
        let events = (0..<9).map { event($0, .started, 0) }
        for (width, height) in [(1, 1), (10, 3), (30, 9), (200, 50)] {
            let lines = frame(plan, at: .seconds(70), width: width, height: height, events)
            #expect(lines.count == min(height, 9))
            #expect(lines.allSatisfy { $0.count <= width })
        }
        #expect(frame(plan, at: .zero, height: 3, events).last == "… and 7 more")
    }

    @Test(
        "An event is a line",
        arguments: [
            (TimelineEvent.Change.started, "0.250s task 3 starts"), (.ended(.done), "0.250s task 3 ends"),
            (.ended(.failed), "0.250s task 3 fails"), (.ended(.cancelled), "0.250s task 3 is cancelled"),
        ])
    func lines(_ change: TimelineEvent.Change, _ line: String) {
        #expect(event(2, change, 250).line == line)
    }

    @Test(
        "The end says what it means",
        arguments: [
            ("1s,2s,3s", "gather", "together they took as long as the longest."),
            ("1s,2s,3s", "sequential", "as long as all of them together."),
            ("1s,2s:fail,3s", "gather", "Task 2 failed, so the others were cancelled"),
            ("1s,2s:fail,3s", "sequential", "Task 2 failed, and those after it did not begin."),
            ("1s:fail,2s", "race", "Task 2 was the first, and the others were cancelled"),
            ("2s:fail,1s:fail", "race", "Every task failed; task 2 was the first"),
            ("2s,1s", "wait-first", "Task 2 was the first, and the others were cancelled"),
            ("2s,1s", "timeout", "After 1.5s the tasks that had not ended were cancelled."),
        ])
    func meaning(_ sleep: String, _ mode: String, _ meaning: String) throws {
        let text = try TestLoop.run { loop in
            let plan = try TaskPlan(sleep: sleep, mode: mode)
            return try await TaskRun.run(plan, on: loop) { _ in }.summary(of: plan)
        }
        #expect(text.contains(meaning), "\(text)")
    }

    @Test func `the total is told next to sum and maximum`() throws {
        let text = try TestLoop.run { loop in
            let plan = try TaskPlan()
            return try await TaskRun.run(plan, on: loop) { _ in }.summary(of: plan)
        }
        #expect(text.hasPrefix("total 3.000s, sum 6.000s, maximum 3.000s\n"))
    }

    @Test(
        "A duration is written as it is read",
        arguments: ["0us", "7us", "250ms", "1.5s", "2s", "60s", "1.5ms", "0.001us"])
    func durations(_ text: String) {
        #expect(Duration(text: text)?.text == text)
    }
}
