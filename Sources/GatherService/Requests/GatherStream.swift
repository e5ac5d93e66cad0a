import EventLoop
import Gather
import HTTPServer
import JSONText

/// Tells a client of a gather's calls as they start and end, and finally how the gather ended.
///
/// The gather goes on at its own speed, however slowly the client reads: what is held for a client is at most the
/// bodies of one gather, which a plain answer would hold as well.
final class GatherStream: GatherObserver {
    private let endpoint: Endpoint
    private let deadline: Duration
    private let records: RecordQueue<GatherRecord>
    /// Whether the start of a call was told.
    private var isStarted: [Bool]
    /// Whether the end of a call was told.
    private var isTold: [Bool]
    private var path: CriticalPath

    /// - Parameter limit: how long the gather may take, if that is less than the endpoint's deadline.
    init(_ endpoint: Endpoint, within limit: Duration?, on loop: isolated EventLoop) {
        self.endpoint = endpoint
        deadline = min(limit ?? endpoint.deadline, endpoint.deadline)
        records = RecordQueue(on: loop)
        isStarted = Array(repeating: false, count: endpoint.calls.count)
        isTold = isStarted
        path = CriticalPath(endpoint)
    }

    func callStarted(_ call: Int, at start: Duration) {
        guard !isStarted[call] else { return }
        isStarted[call] = true
        guard endpoint.disclosure != .nothing, !endpoint.calls[call].isInternal else { return }
        records.append(.start(call, at: start, after: path.inputThatDecided(call)))
    }

    func attemptChanged(of call: Int, _ attempt: AttemptReport) {
        // How many attempts there were is for the operator only, like the hosts.
        guard endpoint.disclosure == .everything, !endpoint.calls[call].isInternal else { return }
        records.append(.attempt(call, attempt))
    }

    func callEnded(_ call: Int, _ report: CallReport, body: JSONValue?) {
        isTold[call] = true
        path.end(call, report)
        if let start = report.start { callStarted(call, at: start) }
        guard !endpoint.calls[call].isInternal else { return }
        // Never more than the plain answer has: what its tree takes of a body comes with the answer.
        let body = endpoint.disclosesBody(of: call) ? body : nil
        // Without outcomes a record is there for its body, which a declared answer has itself, under names of its own.
        guard endpoint.disclosure != .nothing || (body != nil && endpoint.response == nil) else { return }
        records.append(.call(call, report, body: body), holding: body?.bytes.count ?? 0)
    }

    /// Sends a record for each call of the gather that `gather` runs meanwhile, and the summary.
    func send(
        as format: RecordFormat, through writer: BodyWriter, on loop: isolated EventLoop,
        gather: @escaping () async -> Gathered
    ) async throws(StreamFailure) {
        let start = loop.time
        try await records.send(as: format, through: writer, on: loop) { record, output in
            await Self.append(record, to: &output, as: format, of: endpoint, on: loop)
        } while: {
            self.gatherEnded(await gather(), after: start.duration(to: loop.time))
        }
    }

    /// Renders a record, off the loop if its body is large.
    private static func append(
        _ record: GatherRecord, to output: inout [UInt8], as format: RecordFormat, of endpoint: Endpoint,
        on loop: isolated EventLoop
    ) async {
        guard !BodyWork.fits(record.bodyBytes, in: loop.reactor) else {
            return record.append(to: &output, as: format, of: endpoint)
        }
        let rendered = try? await BodyWork.offLoop(on: loop) {
            var output: [UInt8] = []
            record.append(to: &output, as: format, of: endpoint)
            return output
        }
        // Cancelled: the client is gone.
        guard let rendered else { return }
        if output.isEmpty { output = rendered } else { output += rendered }
    }

    private func gatherEnded(_ gathered: Gathered, after duration: Duration) {
        // Those that the gather's end overtook, so that a client gets as many as there are calls.
        for (call, report) in gathered.reports.enumerated() where !isTold[call] {
            callEnded(call, report, body: nil)
        }
        let summary = GatherRecord.summary(
            GatherSummary(
                gathered: gathered, duration: duration, deadline: deadline, path: path.calls(deciding: gathered)))
        records.append(summary, holding: summary.bodyBytes)
    }
}
