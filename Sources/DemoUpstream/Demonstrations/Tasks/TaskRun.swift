import EventLoop

/// How a plan ended.
public struct TaskOutcome: Sendable, Equatable {
    /// An error that a plan can end with.
    public enum TaskError: Error, Sendable, Equatable {
        /// A task failed, as the plan says.
        case failed(Int)
        case timedOut
    }

    /// The tasks whose results the operation returned, in its order; or what it threw.
    public var verdict: Result<[Int], TaskError>
    /// From the beginning to the end of the last task.
    public var total: Duration
}

/// Runs a plan with the operations of EventLoop, and tells what happens as it does.
public struct TaskRun {
    private let plan: TaskPlan
    private let observe: (TimelineEvent) -> Void
    private let start: LoopInstant

    /// Runs the plan's tasks until all that began have ended.
    /// - Parameter observe: gets each event, on the loop, in the order of time.
    /// - Throws: `CancellationError` if the calling task is cancelled; the plan's tasks are, too, and have ended.
    public static func run(
        _ plan: TaskPlan, on loop: isolated EventLoop, observe: @escaping (TimelineEvent) -> Void
    ) async throws(CancellationError) -> TaskOutcome {
        let run = TaskRun(plan: plan, observe: observe, start: loop.time)
        let verdict: Result<[Int], TaskOutcome.TaskError>
        do {
            verdict = .success(try await run.results(on: loop))
        } catch let error as TaskOutcome.TaskError {
            verdict = .failure(error)
        } catch is TimedOut {
            verdict = .failure(.timedOut)
        } catch {
            throw CancellationError()
        }
        return TaskOutcome(verdict: verdict, total: run.start.duration(to: loop.time))
    }

    /// The tasks whose results came, in the order in which the mode gives them.
    private func results(on loop: isolated EventLoop) async throws -> [Int] {
        let tasks = plan.tasks.indices
        switch plan.mode {
        case .gather:
            return try await loop.gather(tasks) { try await perform($0, on: loop) }
        case .sequential:
            var results: [Int] = []
            for task in tasks { results.append(try await perform(task, on: loop)) }
            return results
        case .waitFirst:
            return try await loop.withTaskScope(atEnd: .cancel) { scope in
                let tasks = tasks.map { task in loop.spawn(in: scope) { try await perform(task, on: loop) } }
                let (done, _) = try await loop.wait(for: tasks, until: .firstCompleted)
                return try done.compactMap { try $0.result?.get() }
            }
        case .asCompleted:
            return try await loop.withTaskScope { scope in
                let tasks = tasks.map { task in loop.spawn(in: scope) { try await perform(task, on: loop) } }
                var results: [Int] = []
                for try await task in loop.asCompleted(tasks) { results.append(try await task.value) }
                return results
            }
        case .race:
            return [try await loop.race(tasks.map { task in { try await perform(task, on: loop) } })]
        case .timeout:
            // A timeout would count from the beginning of the turn, which was before the plan's.
            return try await loop.withDeadline(start.advanced(by: plan.timeout)) {
                try await loop.gather(tasks) { try await perform($0, on: loop) }
            }
        }
    }

    /// One task, from its beginning to its end.
    private func perform(_ task: Int, on loop: isolated EventLoop) async throws -> Int {
        tell(task, .started, on: loop)
        let work = plan.tasks[task]
        do {
            switch work.kind {
            // From this moment and not from the beginning of the turn, which was earlier than the task's.
            case .sleep: try await loop.sleep(until: loop.time.advanced(by: work.duration))
            case .compute: Self.compute(for: work.duration)
            }
            if work.fails { throw TaskOutcome.TaskError.failed(task) }
        } catch {
            tell(task, .ended(error is CancellationError ? .cancelled : .failed), on: loop)
            throw error
        }
        tell(task, .ended(.done), on: loop)
        return task
    }

    private func tell(_ task: Int, _ change: TimelineEvent.Change, on loop: isolated EventLoop) {
        // Not `loop.now`, which stands still while a task computes.
        observe(TimelineEvent(task: task, change: change, time: start.duration(to: loop.time)))
    }

    /// Holds the thread, as computing does.
    private static func compute(for duration: Duration) {
        let end = ContinuousClock.now.advanced(by: duration)
        while ContinuousClock.now < end {}
    }
}
