import EventLoop
import HTTPTypes

/// Asks the hosts of an upstream from time to time whether they are well, and leaves out those that are not.
struct HealthChecks {
    let state: UpstreamState
    let policy: HealthPolicy
    let client: any UpstreamClient

    /// Checks every host until the task is cancelled.
    func run(on loop: isolated EventLoop) async {
        await withDiscardingTaskGroup { group in
            for host in state.upstream.hosts.indices {
                group.addImmediateTask { await self.run(HostIndex(host), on: loop) }
            }
        }
    }

    private func run(_ host: HostIndex, on loop: isolated EventLoop) async {
        do throws(CancellationError) {
            while true {
                state.checked(host, isWell: await check(host, on: loop))
                try await loop.sleep(for: policy.interval)
            }
        } catch {
            // The engine ends.
        }
    }

    private func check(_ host: HostIndex, on loop: isolated EventLoop) async -> Bool {
        let request = UpstreamRequest(method: .get, target: policy.path, headers: [], body: nil)
        do throws(UpstreamFailure) {
            let response = try await client.send(
                request, to: state.index, host: host, until: loop.now.advanced(by: policy.timeout), on: loop)
            return (200..<300).contains(response.status)
        } catch {
            return false
        }
    }
}
