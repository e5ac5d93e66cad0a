import EventLoop
import HTTPWire
import JSONText

/// The last good bodies of requests, for when the same request fails.
///
/// "The same" is a request of the same call that is equal in all that is sent, header fields included: no client sees
/// the answer to a different request. Bounded by bytes, those of all loops together (``KeptBytes``); what came first
/// goes first. Confined to its loop.
final class KeptBodies {
    private struct Key: Hashable {
        let call: PreparedCall.BodyOwner
        let request: [UInt8]
        /// Computed once: a table that grows asks for those of all its keys.
        private let hash: Int

        init(_ call: PreparedCall, _ request: ClientRequest) {
            (self.call, self.request) = (call.bodyOwner, request.identity)
            var hasher = Hasher()
            hasher.combine(ObjectIdentifier(self.call))
            hasher.combine(self.request)
            hash = hasher.finalize()
        }

        static func == (left: Key, right: Key) -> Bool {
            left.hash == right.hash && left.call === right.call && left.request == right.request
        }

        func hash(into hasher: inout Hasher) { hasher.combine(hash) }

        /// The one of ``tables`` that it belongs to.
        var table: Int { hash & (KeptBodies.tableCount - 1) }
    }

    /// What is kept of one request, between what came before it and what came after it.
    private final class Entry {
        let key: Key
        let body: JSONValue
        let came: LoopInstant
        let cost: Int
        // Those that are kept: the tables hold them.
        unowned var older: Entry?
        unowned var newer: Entry?

        init(_ key: Key, _ body: JSONValue, came: LoopInstant, cost: Int) {
            (self.key, self.body, self.came, self.cost) = (key, body, came, cost)
        }
    }

    /// What is kept of one request.
    struct Kept {
        let body: JSONValue
        let age: Duration
    }

    private let room: KeptBytes
    private let loop: Int
    private var isRegistered = false
    /// Many small tables: one that grows moves all that it has, in one go.
    private var tables: [[Key: Entry]] = Array(repeating: [:], count: tableCount)
    private static let tableCount = 256
    private unowned var oldest: Entry?
    private unowned var newest: Entry?
    private(set) var bytes = 0

    /// About what an entry needs in addition to its bytes.
    private static let overhead = 256
    /// How many are dropped at once. Each takes about a microsecond.
    private static let mostDropped = 8192

    init(_ room: KeptBytes, loop: Int = 0) {
        self.room = room
        self.loop = loop
    }

    /// The same, and lets other loops ask for room.
    func keep(_ body: JSONValue, of request: ClientRequest, by call: PreparedCall, on reactor: Reactor) {
        register(on: reactor)
        keep(body, of: request, by: call, at: reactor.now)
    }

    /// Lets other loops ask for room; costs nothing when it is done already.
    func register(on reactor: Reactor) {
        guard !isRegistered else { return }
        isRegistered = true
        room.register(self, of: loop, on: reactor)
    }

    deinit { room.giveBack(bytes, from: loop) }

    /// Keeps the body of a request, in the place of an earlier one; O(1) on average. One for which very many would have
    /// to be dropped is not kept, and finds more room the next time.
    func keep(_ body: JSONValue, of request: ClientRequest, by call: PreparedCall, at now: LoopInstant) {
        guard call.call.staleFor != nil else { return }
        let key = Key(call, request)
        let cost = body.bytes.capacity + key.request.count + Self.overhead
        if let earlier = tables[key.table][key] { forget(earlier) }
        guard cost <= room.limit else { return }
        var dropped = 0
        while !room.tryTake(cost, for: loop) {
            room.askForRoom(cost, for: loop)
            // What this loop keeps may be too little to make room, and is then kept.
            guard room.limit - room.count + bytes >= cost, dropped < Self.mostDropped, let oldest else { return }
            forget(oldest)
            dropped += 1
        }
        let entry = Entry(key, body, came: now, cost: cost)
        tables[key.table][key] = entry
        bytes += cost
        entry.older = newest
        newest?.newer = entry
        newest = entry
        if oldest == nil { oldest = entry }
    }

    /// What is kept of a request that has failed, if it may stand in.
    ///
    /// It may where no answer came or the upstream is at fault (RFC 5861 §4). A refusal by the upstream is an answer:
    /// what came before it is forgotten.
    func recall(
        _ request: ClientRequest, by call: PreparedCall, after outcome: Outcome, status: Int?, at now: LoopInstant
    ) -> Kept? {
        guard let staleFor = call.call.staleFor else { return nil }
        let key = Key(call, request)
        guard let entry = tables[key.table][key] else { return nil }
        let age = entry.came.duration(to: now)
        let isRefusal = outcome == .httpError && (status ?? 0) < 500
        guard age <= staleFor, !isRefusal else {
            forget(entry)
            return nil
        }
        return Kept(body: entry.body, age: age)
    }

    /// Drops the oldest until this many bytes are free, but only a bounded number at once.
    func drop(_ amount: Int) {
        let rest = max(0, bytes - amount)
        var dropped = 0
        while bytes > rest, dropped < Self.mostDropped, let oldest {
            forget(oldest)
            dropped += 1
        }
    }

    private func forget(_ entry: Entry) {
        let (older, newer) = (entry.older, entry.newer)
        if let older { older.newer = newer } else { oldest = newer }
        if let newer { newer.older = older } else { newest = older }
        tables[entry.key.table][entry.key] = nil
        bytes -= entry.cost
        room.giveBack(entry.cost, from: loop)
    }
}

extension ClientRequest {
    /// All that is sent of a request without a body, a field on each line; names of fields in lower case.
    ///
    /// Bytes, because texts are equal that only look alike: `é` in one code point or in two.
    var identity: [UInt8] {
        var identity = Array(target.utf8)
        identity.reserveCapacity(identity.count + fields.bytes.count)
        for (name, value) in fields {
            identity.append(UInt8(ascii: "\n"))
            for byte in name { identity.append((0x41...0x5A).contains(byte) ? byte | 0x20 : byte) }
            identity.append(UInt8(ascii: ":"))
            identity += value
        }
        return identity
    }
}
