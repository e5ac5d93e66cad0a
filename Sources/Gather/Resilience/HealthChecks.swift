import EventLoop
import HTTPWire

/// Checks the health of an upstream's hosts from time to time, and leaves out those that are unhealthy.
struct HealthChecks {
    let state: UpstreamState
    let policy: HealthPolicy
    let client: any UpstreamClient

    /// Checks every host until the task is cancelled, or the upstream is retired.
    func run(on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { group in
            for host in state.upstream.hosts.indices {
                group.addImmediateTask { await self.run(HostIndex(host), on: loop) }
            }
        }
    }

    private func run(_ host: HostIndex, on loop: isolated EventLoop) async {
        var next: Wake
        repeat {
            let isWell = await check(host, on: loop)
            guard !state.retired.isOpen else { return }
            state.checked(host, isWell: isWell)
            next = await state.retired.wait(until: loop.time.advanced(by: policy.interval), on: loop)
        } while next == .timedOut
    }

    private func check(_ host: HostIndex, on loop: isolated EventLoop) async -> Bool {
        let request = ClientRequest(path: policy.path)
        do throws(UpstreamFailure) {
            let response = try await client.send(
                request, to: state.index, host: host, until: loop.now.advanced(by: policy.timeout), on: loop)
            return (200..<300).contains(response.status)
        } catch {
            return false
        }
    }
}
