import CPlatform
import Gather
import GatherConfig
import Glibc
import Testing

@testable import GatherService

/// How the service divides the descriptors that it has, and what it does about those that are closed.
struct DescriptorTests {
    private func plan(connections: Int, maxInFlight: Int, limit: Int) throws -> DescriptorPlan {
        let text = """
            version: 1
            server: { limits: { connections: \(connections) } }
            upstreams: { up: { hosts: ["http://127.0.0.1:1"], max_in_flight: \(maxInFlight) } }
            endpoints: [{ path: /a, calls: { a: { get: "up:/a" } } }]
            """
        return DescriptorPlan(try Configuration.read(text: text, file: "test.yaml"), loops: 1, limit: limit)
    }

    @Test func `with enough descriptors clients have what the file says, and nothing is warned of`() throws {
        let plan = try plan(connections: 1000, maxInFlight: 64, limit: 2000)
        #expect(plan.connections == 1000)
        #expect(plan.shortage == nil)
        #expect((1080..<1200).contains(plan.most))
    }

    @Test(arguments: [24, 64, 200, 1000])
    func `with too few, clients leave some to upstreams, and that is warned of`(limit: Int) throws {
        let plan = try plan(connections: 1000, maxInFlight: 64, limit: limit)
        #expect(plan.connections >= 1 && plan.most == limit)
        #expect(plan.connections <= limit - min(limit / 4, 64))
        let shortage = try #require(plan.shortage)
        #expect(shortage.contains("the process may open \(limit) descriptors"))
        #expect(shortage.hasPrefix("at most \(plan.connections) client connections are accepted, not "))
    }

    @Test func `the kernel's table of descriptors has room for all before they are opened`() async {
        await #expect(processExitsWith: .success) {
            cp_raise_descriptor_limit()
            cp_reserve_descriptors(1000)
            guard let size = descriptorTableSize(), size >= 1000, fcntl(999, F_GETFD) == -1 else { exit(1) }
        }
    }

    @Test func `standard descriptors that are closed lead nowhere`() async {
        await #expect(processExitsWith: .success) {
            close(0)
            close(2)
            cp_open_standard_descriptors()
            var target = [CChar](repeating: 0, count: 64)
            for fd in [0, 2] {
                // The text has room for a NUL.
                let count = unsafe readlink("/proc/self/fd/\(fd)", &target, target.count - 1)
                let text = String(decoding: target.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
                guard text == "/dev/null" else { exit(1) }
            }
        }
    }
}

/// How many descriptors the kernel's table of this process has room for.
private func descriptorTableSize() -> Int? {
    let status = unsafe open("/proc/self/status", O_RDONLY)
    defer { close(status) }
    var text = [UInt8](repeating: 0, count: 8192)
    // The kernel writes no more than there is room for.
    let count = unsafe read(status, &text, text.count)
    let lines = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
    return lines.first { $0.hasPrefix("FDSize:") }?.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) }
}
