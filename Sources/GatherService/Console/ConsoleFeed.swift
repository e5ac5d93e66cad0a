import EventLoop
import Gather
import HTTPServer
import JSONText

/// The records of one watcher: a ``ConsoleRecord`` each second, and the latest gathers when there are others.
///
/// Nothing is asked or rendered for a watcher who has not taken the record before. Confined to its loop.
final class ConsoleFeed {
    private static let interval: Duration = .seconds(1)

    private let group: LoopGroup
    private let page: () async -> MetricsPage
    private let format: RecordFormat
    private let drain: Latch
    private var earlier: MetricsSnapshot?
    private var loopsBefore: [Int: LoopCounters] = [:]
    private var last: LoopInstant?
    /// What was told of gathers.
    private var told: [String] = []

    init(_ group: LoopGroup, page: @escaping () async -> MetricsPage, as format: RecordFormat, drain: Latch) {
        (self.group, self.page, self.format, self.drain) = (group, page, format, drain)
    }

    /// Sends records until the watcher leaves or `end` opens.
    func send(through writer: BodyWriter, until end: Latch, on loop: isolated EventLoop) async throws(StreamFailure) {
        while true {
            try await writer.write(try await record(on: loop), on: loop)
            if let gathers = try await gathers(on: loop) { try await writer.write(gathers, on: loop) }
            switch await end.wait(until: loop.time.advanced(by: Self.interval), on: loop) {
            case .timedOut: continue
            case .signalled: return
            case .cancelled: throw .clientGone
            }
        }
    }

    private func record(on loop: isolated EventLoop) async throws(StreamFailure) -> [UInt8] {
        let page = await page()
        let now = loop.time
        let (earlier, loopsBefore, format, isDraining) = (self.earlier, self.loopsBefore, self.format, drain.isOpen)
        let span = last.map { $0.duration(to: now) }
        let rendered = try? await BodyWork.offLoop(on: loop) { () -> (MetricsSnapshot, [UInt8]) in
            let record = ConsoleRecord(
                page: page, counted: MetricsSnapshot(sumOf: page.loops.map(\.metrics)), earlier: earlier,
                loopsBefore: loopsBefore, span: span, isDraining: isDraining)
            var output: [UInt8] = []
            format.append(event: "second", to: &output) { $0 += record.json }
            return (record.counted, output)
        }
        guard let (counted, output) = rendered else { throw .clientGone }
        self.earlier = counted
        self.loopsBefore = Dictionary(uniqueKeysWithValues: page.loops.map { ($0.loop, $0.counters) })
        last = now
        return output
    }

    /// The gathers that are listed, if they are not those that were told of before.
    private func gathers(on loop: isolated EventLoop) async throws(StreamFailure) -> [UInt8]? {
        let page = await GathersPage(of: group, on: loop)
        let (told, format) = (self.told, format)
        let rendered = try? await BodyWork.offLoop(on: loop) { () -> (ids: [String], output: [UInt8]) in
            let listed = page.listed
            var output: [UInt8] = []
            if listed.ids != told { format.append(event: "gathers", to: &output) { $0 += listed.json } }
            return (listed.ids, output)
        }
        guard let (ids, output) = rendered else { throw .clientGone }
        self.told = ids
        return output.isEmpty ? nil : output
    }
}
