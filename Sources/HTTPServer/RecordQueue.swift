import EventLoop

/// A queue of records between tasks that do not wait for the client, and a client that may read slowly.
///
/// Whoever appends decides how many records there can be, and with that what a slow client costs: they are rendered
/// when they are sent, and held until then. What they hold counts among the bytes that wait for clients. Confined to
/// its loop.
///
/// ```swift
/// Response(.ok, fields: format.fields) { writer in
///     let records = RecordQueue<Int>(on: loop)
///     try await records.send(as: format, through: writer, on: loop) { number, output in
///         format.append(event: "number", to: &output) { $0 += Array("\(number)".utf8) }
///     } while: {
///         for number in 1...3 { records.append(number) }
///     }
/// }
/// ```
public final class RecordQueue<Record> {
    private let reactor: Reactor
    private var records: [(record: Record, bytes: Int)] = []
    private var writer: BodyWriter?
    private var isFinished = false
    /// What the sending waits for, while it does.
    private var wait: WaitID?

    /// Records that are there at once leave together, until they are as large as this.
    private static var bytesAtOnce: Int { 16 * 1024 }

    public init(on loop: isolated EventLoop) { reactor = loop.reactor }

    /// Adds a record to the queue.
    /// - Parameter bytes: about how much memory it holds, if that is much.
    public func append(_ record: Record, holding bytes: Int = 0) {
        records.append((record, bytes))
        writer?.hold(bytes)
        wakeUp()
    }

    /// Sends records as they are added, until `produce` has returned and all of them have been sent.
    ///
    /// - Parameters:
    ///   - heartbeat: how long to wait for a record before a sign of life is sent, in a format that has one. There is
    ///     none before the first record.
    ///   - render: appends a record in the format. One that takes long may be rendered elsewhere meanwhile: later ones
    ///     wait.
    ///   - produce: appends records to the queue, in a task of its own, which is cancelled when the client is gone.
    public func send(
        as format: RecordFormat, through writer: BodyWriter, heartbeat: Duration = .seconds(15),
        on loop: isolated EventLoop, render: (Record, inout [UInt8]) async -> Void,
        while produce: @escaping () async -> Void
    ) async throws(StreamFailure) {
        self.writer = writer
        defer { self.writer = nil }
        var failure: StreamFailure?
        await withDiscardingTaskGroup { group in
            group.addImmediateTask {
                _ = loop  // What captures the loop is the loop's.
                await produce()
                self.finish()
            }
            do throws(StreamFailure) {
                try await sendAll(as: format, through: writer, heartbeat: heartbeat, on: loop, render: render)
            } catch {
                failure = error
                group.cancelAll()
            }
        }
        if let failure { throw failure }
    }

    private func sendAll(
        as format: RecordFormat, through writer: BodyWriter, heartbeat: Duration, on loop: isolated EventLoop,
        render: (Record, inout [UInt8]) async -> Void
    ) async throws(StreamFailure) {
        var deadline: LoopInstant?
        while true {
            if records.isEmpty {
                if isFinished { return }
                let wait = reactor.makeWait()
                self.wait = wait
                let wake = await loop.reactor.suspend(wait, until: deadline)
                self.wait = nil
                switch wake {
                case .signalled: continue
                case .timedOut: try await writer.write(format.heartbeat, on: loop)
                case .cancelled: throw .clientGone
                }
            } else {
                try await writer.write(await takeRendered(render, on: loop), on: loop)
            }
            deadline = format.heartbeat.isEmpty ? nil : loop.now.advanced(by: heartbeat)
        }
    }

    private func takeRendered(
        _ render: (Record, inout [UInt8]) async -> Void, on loop: isolated EventLoop
    ) async -> [UInt8] {
        var output: [UInt8] = []
        while let (record, bytes) = records.first, output.isEmpty || output.count + bytes < Self.bytesAtOnce {
            records.removeFirst()
            await render(record, &output)
            writer?.release(bytes)
        }
        return output
    }

    private func finish() {
        isFinished = true
        wakeUp()
    }

    private func wakeUp() {
        if let wait { reactor.wake(wait) }
    }
}
