import EventLoop

extension GatherEngine {
    /// Makes a call for each element of its list: its requests are child tasks of this one.
    /// - Parameter maxBytes: how large the bodies of all elements together may be.
    func perform(
        _ next: Startable, over foreach: Foreach, maxBytes: Int, in run: GatherRun, on loop: isolated EventLoop
    ) async {
        guard let items = await run.begin(next, over: foreach, maxBytes: maxBytes, on: loop) else { return }
        await withDiscardingTaskGroup { group in
            while !items.isDecided {
                items.describeJob(of: 0)
                while let next = items.takeNext() {
                    guard let request = admittedRequest(for: next, of: items) else { continue }
                    group.addImmediateTask { await self.perform(next, request, in: items, on: loop) }
                }
                for next in await items.waitForProgress(on: loop) { giveUp(next, of: items) }
            }
            withdraw(items)
            group.cancelAll()
        }
        items.describeJob(of: 0)
        await items.finish(on: loop)
    }
}
