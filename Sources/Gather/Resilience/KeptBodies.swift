import DequeModule
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

        static func == (left: Key, right: Key) -> Bool { left.call === right.call && left.request == right.request }

        func hash(into hasher: inout Hasher) {
            hasher.combine(ObjectIdentifier(call))
            hasher.combine(request)
        }
    }

    private struct Entry {
        let body: JSONValue
        let came: LoopInstant
        let number: Int
        let cost: Int
    }

    /// What is kept of one request.
    struct Kept {
        let body: JSONValue
        let age: Duration
    }

    private let room: KeptBytes
    private let loop: Int
    private var isRegistered = false
    private var entries: [Key: Entry] = [:]
    /// The entries in the order in which they came, and some that are gone.
    private var order: Deque<(key: Key, number: Int)> = []
    private var number = 0
    private(set) var bytes = 0

    /// About what an entry needs in addition to its bytes.
    private static let overhead = 256

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

    /// Keeps the body of a request, in the place of an earlier one; O(1) on average.
    func keep(_ body: JSONValue, of request: ClientRequest, by call: PreparedCall, at now: LoopInstant) {
        guard call.call.staleFor != nil else { return }
        let key = Key(call: call.bodyOwner, request: request.identity)
        let cost = body.bytes.capacity + key.request.count + Self.overhead
        forget(key)
        guard cost <= room.limit else { return }
        while !room.tryTake(cost, for: loop) {
            room.askForRoom(cost, for: loop)
            // What this loop keeps may be too little to make room, and is then kept.
            guard room.limit - room.count + bytes >= cost else { return }
            forgetOldest()
        }
        number += 1
        entries[key] = Entry(body: body, came: now, number: number, cost: cost)
        bytes += cost
        order.append((key, number))
        if order.count > 2 * entries.count + 32 { order.removeAll { entries[$0.key]?.number != $0.number } }
    }

    /// What is kept of a request that has failed, if it may stand in.
    ///
    /// It may where no answer came or the upstream is at fault (RFC 5861 §4). A refusal by the upstream is an answer:
    /// what came before it is forgotten.
    func recall(
        _ request: ClientRequest, by call: PreparedCall, after outcome: Outcome, status: Int?, at now: LoopInstant
    ) -> Kept? {
        guard let staleFor = call.call.staleFor else { return nil }
        let key = Key(call: call.bodyOwner, request: request.identity)
        guard let entry = entries[key] else { return nil }
        let age = entry.came.duration(to: now)
        let isRefusal = outcome == .httpError && (status ?? 0) < 500
        guard age <= staleFor, !isRefusal else {
            forget(key)
            return nil
        }
        return Kept(body: entry.body, age: age)
    }

    /// Drops the oldest, until this many bytes are free.
    func drop(_ amount: Int) {
        let rest = max(0, bytes - amount)
        while bytes > rest { forgetOldest() }
    }

    private func forgetOldest() {
        guard let (key, number) = order.popFirst() else { return }
        if entries[key]?.number == number { forget(key) }
    }

    private func forget(_ key: Key) {
        guard let entry = entries.removeValue(forKey: key) else { return }
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
