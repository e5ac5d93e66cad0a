import EventLoop
import Gather
import HTTPWire

/// What `/metrics` says: config/README.md has each family.
struct MetricsPage: Sendable {
    let service: ServiceSnapshot
    /// The loops of the snapshot, and what those have said last that are not in it.
    var loops: [LoopSnapshot]
    let droppedLogLines: Int

    init(_ service: ServiceSnapshot, droppedLogLines: Int) {
        (self.service, loops, self.droppedLogLines) = (service, service.loops, droppedLogLines)
    }

    /// Renders it, which takes some milliseconds with many endpoints: for a thread outside the loops.
    func text(as format: Exposition.Format) -> [UInt8] {
        var page = Exposition(format)
        let counted = MetricsSnapshot(sumOf: loops.map(\.metrics))
        writeRequests(counted, to: &page)
        writeCalls(counted, to: &page)
        writeAttempts(counted, to: &page)
        writeUpstreams(to: &page)
        writeLoops(to: &page)
        writeService(to: &page)
        writeProcess(to: &page)
        page.end()
        return Array(page.text.utf8)
    }

    private func writeRequests(_ counted: MetricsSnapshot, to page: inout Exposition) {
        page.family(
            "http_server_request_duration_seconds", .histogram, unit: "seconds",
            "Time from a request's arrival to the end of its answer.")
        let exemplars = loops.reduce(into: Exemplars()) { $0.merge($1.exemplars) }
        for requests in counted.requests {
            let (route, statusClass) = requests.of
            page.sample(
                [
                    "http_request_method": route.method?.rawValue,
                    "http_route": route.method == nil ? nil : route.path,
                    "http_response_status_class": Self.name(ofClass: statusClass),
                ], requests.histogram
            ) { bucket in
                guard let method = route.method else { return nil }
                return exemplars.all[
                    Exemplars.Key(method: method, route: route.path, statusClass: statusClass, bucket: bucket)]
            }
        }
        page.family("http_server_active_requests", .gauge, "Requests that have not been answered, by route.")
        for (route, count) in counted.requestsInFlight {
            page.sample(["http_request_method": route.method?.rawValue, "http_route": route.path], count)
        }
        page.family("gatherd_requests_shed", .counter, "Requests that were shed, by cause.")
        for (cause, name) in [(Metrics.ShedCause.gathers, "gathers"), (.lag, "lag")] {
            page.sample(["cause": name], counted.count(of: cause))
        }
        page.family(
            "gatherd_gathers_reduced", .counter, "Gathers whose optional calls were left out because of the load.")
        page.sample(counted.count(of: .optionalCalls))
        page.family("gatherd_gathers_in_flight", .gauge, "Gathers in flight.")
        page.sample(service.gathers)
        page.family("gatherd_gathers_limit", .gauge, "limits.gathers.")
        page.sample(service.mostGathers)
        page.family("gatherd_connections", .gauge, "Client connections.")
        page.sample(service.connections)
        page.family("gatherd_connections_limit", .gauge, "The limit on client connections.")
        page.sample(service.mostConnections)
    }

    private func writeCalls(_ counted: MetricsSnapshot, to page: inout Exposition) {
        func labels(_ call: MetricsSnapshot.Call, _ outcome: Outcome?) -> Exposition.Labels {
            [
                "http_request_method": call.route.method?.rawValue, "http_route": call.route.path, "call": call.name,
                "upstream": call.upstream, "outcome": outcome?.rawValue,
            ]
        }
        page.family("gatherd_calls", .counter, "Calls, by outcome.")
        for (call, outcome, count) in counted.callOutcomes where count > 0 { page.sample(labels(call, outcome), count) }
        page.family(
            "gatherd_call_duration_seconds", .histogram, unit: "seconds",
            "Time from when a call could start to its end, including the wait for a slot and all attempts.")
        for calls in counted.callDurations { page.sample(labels(calls.of, nil), calls.histogram) }
    }

    private func writeAttempts(_ counted: MetricsSnapshot, to page: inout Exposition) {
        page.family(
            "http_client_request_duration_seconds", .histogram, unit: "seconds", "Time of an attempt of a call.")
        for attempts in counted.attempts {
            let (upstream, outcome, statusClass) = attempts.of
            page.sample(
                [
                    "upstream": upstream, "outcome": outcome.rawValue,
                    "http_response_status_class": statusClass.map(Self.name(ofClass:)),
                ], attempts.histogram)
        }
        let events: [(MetricsSnapshot.Event, String, String)] = [
            (.retries, "gatherd_retries", "Attempts made because an earlier one had failed."),
            (.hedges, "gatherd_hedges", "Attempts made in parallel with one that had not answered."),
            (.coalesced, "gatherd_calls_coalesced", "Calls that joined an exchange in progress."),
            (.stale, "gatherd_stale_bodies", "Stale bodies that stood in for a failure."),
            (.delayed, "gatherd_attempts_delayed", "Attempts that waited for the upstream's rate_limit."),
        ]
        for (event, name, help) in events {
            page.family(name, .counter, help)
            for (upstream, count) in counted.count(of: event) { page.sample(["upstream": upstream], count) }
        }
        page.family(
            "gatherd_calls_shed", .counter,
            "Calls that were shed for lack of a slot or of room in the rate limit, by cause.")
        for (event, cause) in [
            (MetricsSnapshot.Event.shedByFullQueue, "queue_full"), (.shedBySlowQueue, "queue_timeout"),
            (.shedByRate, "rate_limit"),
        ] {
            for (upstream, count) in counted.count(of: event) {
                page.sample(["upstream": upstream, "cause": cause], count)
            }
        }
    }

    private func writeUpstreams(to page: inout Exposition) {
        let upstreams = service.upstreams
        let gauges: [(String, String, KeyPath<UpstreamSnapshot, Int>)] = [
            ("gatherd_upstream_in_flight", "Attempts in flight.", \.inFlight),
            (
                "gatherd_upstream_limit",
                "The limit on attempts in flight: max_in_flight, or the limit that was learned.",
                \.limit
            ),
            ("gatherd_upstream_queued", "Calls that wait for a slot.", \.queued),
        ]
        for (name, help, value) in gauges {
            page.family(name, .gauge, help)
            for upstream in upstreams { page.sample(["upstream": upstream.name], upstream[keyPath: value]) }
        }
        page.family("gatherd_breaker_state", .gauge, "1 for the state that an upstream's breaker is in.")
        for upstream in upstreams {
            guard let current = upstream.breaker else { continue }
            for state in UpstreamSnapshot.BreakerState.allCases {
                page.sample(["upstream": upstream.name, "state": state.rawValue], state == current ? 1 : 0)
            }
        }
        page.family("gatherd_retry_tokens", .gauge, "Remaining tokens for retries and hedges.")
        for upstream in upstreams { page.sample(["upstream": upstream.name], upstream.retryTokens) }
        page.family("gatherd_host_ejected", .gauge, "1 if a loop has ejected the host for its failures.")
        for upstream in upstreams {
            for host in upstream.hosts {
                page.sample(["upstream": upstream.name, "host": "\(host.origin)"], host.isEjected ? 1 : 0)
            }
        }
        page.family("gatherd_host_healthy", .gauge, "0 if the host's health checks fail.")
        for upstream in upstreams {
            for host in upstream.hosts {
                page.sample(["upstream": upstream.name, "host": "\(host.origin)"], host.isWell ? 1 : 0)
            }
        }
    }

    private func writeLoops(to page: inout Exposition) {
        page.family("gatherd_loop_turns", .counter, "Turns of a loop.")
        for loop in loops { page.sample(Self.labels(loop), loop.counters.turns) }
        page.family("gatherd_loop_jobs", .counter, "Jobs that a loop has run.")
        for loop in loops { page.sample(Self.labels(loop), loop.counters.jobs) }
        page.family("gatherd_loop_busy_seconds", .counter, unit: "seconds", "Time that a loop has worked.")
        for loop in loops { page.sample(Self.labels(loop), seconds: loop.counters.busy) }
        page.family(
            "gatherd_loop_lag_seconds", .gauge, unit: "seconds",
            "How far a loop was behind, on average over the last half second; limits.lag bounds it.")
        for loop in loops { page.sample(Self.labels(loop), seconds: loop.meanLag) }
        page.family(
            "gatherd_loop_longest_lag_seconds", .gauge, unit: "seconds", "The furthest that a loop was ever behind.")
        for loop in loops { page.sample(Self.labels(loop), seconds: loop.counters.longestLag) }
        page.family("gatherd_loop_connections", .gauge, "Client connections on a loop.")
        for loop in loops { page.sample(Self.labels(loop), loop.connections) }
        page.family("gatherd_loops", .gauge, "Loops.")
        page.sample(service.loopCount)
        page.family(
            "gatherd_loops_silent", .gauge, "Loops that did not answer this scrape in time: their last counts are used."
        )
        page.sample(service.loopCount - service.loops.count)
    }

    private func writeService(to page: inout Exposition) {
        let spans = loops.reduce(TraceCounts()) { $0 + $1.spans }
        page.family("gatherd_spans_exported", .counter, "Spans that a collector has accepted.")
        page.sample(spans[.sent])
        page.family("gatherd_spans_dropped", .counter, "Spans that were not sent or not accepted, by cause.")
        for fate in TraceCounts.Fate.allCases where fate != .sent { page.sample(["cause": fate.rawValue], spans[fate]) }
        page.family("gatherd_key_fetches", .counter, "Fetches of the keys that tokens are verified with, by result.")
        page.sample(["result": "ok"], service.keyFetches.good)
        page.sample(["result": "failed"], service.keyFetches.failed)
        page.family("gatherd_log_lines_dropped", .counter, "Log lines that could not be written.")
        page.sample(droppedLogLines)
        page.family(
            "gatherd_configuration_generation", .gauge, "The number of the configuration that is served, from 1 on.")
        page.sample(service.generation)
        let reloads = service.reloads
        page.family("gatherd_configuration_reloads", .counter, "Attempts to reload the configuration, by result.")
        for (result, count) in [
            ("changed", reloads.changed), ("unchanged", reloads.unchanged), ("failed", reloads.failed),
        ] {
            page.sample(["result": result], count)
        }
        page.family(
            "gatherd_configuration_last_reload_successful", .gauge,
            "0 if the latest attempt to reload the configuration failed.")
        page.sample(reloads.failure == nil ? 1 : 0)
        page.family(
            "gatherd_configuration_last_success_timestamp_seconds", .gauge, unit: "seconds",
            "When the configuration was last loaded without an error, at start or later, in seconds since 1970.")
        page.sample(reloads.lastSuccess)
    }

    private func writeProcess(to page: inout Exposition) {
        let process = ProcessMetrics()
        page.family("process_cpu_seconds", .counter, unit: "seconds", "User and system CPU time.")
        page.sample(process.cpuSeconds)
        page.family("process_start_time_seconds", .gauge, unit: "seconds", "When the process began, since 1970.")
        page.sample(process.startTime)
        page.family("process_resident_memory_bytes", .gauge, unit: "bytes", "Resident memory.")
        page.sample(process.residentBytes)
        page.family("process_virtual_memory_bytes", .gauge, unit: "bytes", "Virtual memory.")
        page.sample(process.virtualBytes)
        page.family("process_open_fds", .gauge, "Open file descriptors.")
        page.sample(process.openDescriptors)
        if let most = process.mostDescriptors {
            page.family("process_max_fds", .gauge, "How many file descriptors may be open.")
            page.sample(most)
        }
    }

    private static func labels(_ loop: LoopSnapshot) -> Exposition.Labels { ["loop": "\(loop.loop)"] }

    private static func name(ofClass statusClass: Int) -> String { statusClass == 0 ? "other" : "\(statusClass)xx" }
}
