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
            "http_server_request_duration_seconds", .histogram,
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
        page.sample(["cause": "gathers"], counted.count(of: .gathers))
        page.sample(["cause": "lag"], counted.count(of: .lag))
        page.family(
            "gatherd_gathers_reduced", .counter, "Gathers whose optional calls were left out because of the load.",
            is: counted.count(of: .optionalCalls))
        page.family("gatherd_gathers_in_flight", .gauge, "Gathers in flight.", is: service.gathers)
        page.family("gatherd_gathers_limit", .gauge, "limits.gathers.", is: service.mostGathers)
        page.family("gatherd_connections", .gauge, "Client connections.", is: service.connections)
        page.family(
            "gatherd_connections_limit", .gauge, "The limit on client connections.", is: service.mostConnections)
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
            "gatherd_call_duration_seconds", .histogram,
            "Time from when a call could start to its end, including the wait for a slot and all attempts.")
        for calls in counted.callDurations { page.sample(labels(calls.of, nil), calls.histogram) }
    }

    private func writeAttempts(_ counted: MetricsSnapshot, to page: inout Exposition) {
        page.family("http_client_request_duration_seconds", .histogram, "Time of an attempt of a call.")
        for attempts in counted.attempts {
            let (upstream, outcome, statusClass) = attempts.of
            page.sample(
                [
                    "upstream": upstream, "outcome": outcome.rawValue,
                    "http_response_status_class": statusClass.map(Self.name(ofClass:)),
                ], attempts.histogram)
        }
        func family(_ name: String, _ help: String, _ events: KeyValuePairs<String?, MetricsSnapshot.Event>) {
            page.family(name, .counter, help)
            for (cause, event) in events {
                for (upstream, count) in counted.count(of: event) {
                    page.sample(["upstream": upstream, "cause": cause], count)
                }
            }
        }
        family("gatherd_retries", "Attempts made because an earlier one had failed.", [nil: .retry])
        family("gatherd_hedges", "Attempts made in parallel with one that had not answered.", [nil: .hedge])
        family("gatherd_calls_coalesced", "Calls that joined an exchange in progress.", [nil: .coalesced])
        family("gatherd_stale_bodies", "Stale bodies that stood in for a failure.", [nil: .stale])
        family("gatherd_attempts_delayed", "Attempts that waited for the upstream's rate_limit.", [nil: .delayed])
        family(
            "gatherd_calls_shed", "Calls that were shed for lack of a slot or of room in the rate limit, by cause.",
            ["queue_full": .queueFull, "queue_timeout": .queueSlow, "rate_limit": .overRate])
    }

    private func writeUpstreams(to page: inout Exposition) {
        let upstreams = service.upstreams
        func family(_ name: String, _ help: String, _ value: (UpstreamSnapshot) -> some CustomStringConvertible) {
            page.family(name, .gauge, help)
            for upstream in upstreams { page.sample(["upstream": upstream.name], value(upstream)) }
        }
        func hosts(_ name: String, _ help: String, _ flag: (HostSnapshot) -> Bool) {
            page.family(name, .gauge, help)
            for upstream in upstreams {
                for host in upstream.hosts {
                    page.sample(["upstream": upstream.name, "host": "\(host.origin)"], flag(host) ? 1 : 0)
                }
            }
        }
        family("gatherd_upstream_in_flight", "Attempts in flight.", \.inFlight)
        family(
            "gatherd_upstream_limit", "The limit on attempts in flight: max_in_flight, or the limit that was learned.",
            \.limit)
        family("gatherd_upstream_queued", "Calls that wait for a slot.", \.queued)
        page.family("gatherd_breaker_state", .gauge, "1 for the state that an upstream's breaker is in.")
        for upstream in upstreams {
            guard let current = upstream.breaker else { continue }
            for state in UpstreamSnapshot.BreakerState.allCases {
                page.sample(["upstream": upstream.name, "state": state.rawValue], state == current ? 1 : 0)
            }
        }
        family("gatherd_retry_tokens", "Remaining tokens for retries and hedges.", \.retryTokens)
        hosts("gatherd_host_ejected", "1 if a loop has ejected the host for its failures.", \.isEjected)
        hosts("gatherd_host_healthy", "0 if the host's health checks fail.", \.isWell)
    }

    private func writeLoops(to page: inout Exposition) {
        func family(
            _ name: String, _ kind: Exposition.Kind, _ help: String,
            _ value: (LoopSnapshot) -> some CustomStringConvertible
        ) {
            page.family(name, kind, help)
            for loop in loops { page.sample(["loop": "\(loop.loop)"], value(loop)) }
        }
        family("gatherd_loop_turns", .counter, "Turns of a loop.", \.counters.turns)
        family("gatherd_loop_jobs", .counter, "Jobs that a loop has run.", \.counters.jobs)
        family("gatherd_loop_busy_seconds", .counter, "Time that a loop has worked.", \.counters.busy.seconds)
        family(
            "gatherd_loop_lag_seconds", .gauge,
            "How far a loop was behind, on average over the last half second; limits.lag bounds it.", \.meanLag.seconds)
        family(
            "gatherd_loop_longest_lag_seconds", .gauge, "The furthest that a loop was ever behind.",
            \.counters.longestLag.seconds)
        family("gatherd_loop_connections", .gauge, "Client connections on a loop.", \.connections)
        page.family("gatherd_loops", .gauge, "Loops.", is: service.loopCount)
        page.family(
            "gatherd_loops_silent", .gauge,
            "Loops that did not answer this scrape in time: their last counts are used.",
            is: service.loopCount - service.loops.count)
    }

    private func writeService(to page: inout Exposition) {
        let spans = loops.reduce(into: TraceCounts()) { $0.merge($1.spans, uniquingKeysWith: +) }
        page.family(
            "gatherd_spans_exported", .counter, "Spans that a collector has accepted.", is: spans[.sent, default: 0])
        page.family("gatherd_spans_dropped", .counter, "Spans that were not sent or not accepted, by cause.")
        for fate in SpanFate.allCases where fate != .sent {
            page.sample(["cause": fate.rawValue], spans[fate, default: 0])
        }
        page.family("gatherd_key_fetches", .counter, "Fetches of the keys that tokens are verified with, by result.")
        page.sample(["result": "ok"], service.keyFetches.good)
        page.sample(["result": "failed"], service.keyFetches.failed)
        page.family(
            "gatherd_log_lines_dropped", .counter, "Log lines that could not be written.", is: droppedLogLines)
        page.family(
            "gatherd_configuration_generation", .gauge, "The number of the configuration that is served, from 1 on.",
            is: service.generation)
        let reloads = service.reloads
        page.family("gatherd_configuration_reloads", .counter, "Attempts to reload the configuration, by result.")
        page.sample(["result": "changed"], reloads.changed)
        page.sample(["result": "unchanged"], reloads.unchanged)
        page.sample(["result": "failed"], reloads.failed)
        page.family(
            "gatherd_configuration_last_reload_successful", .gauge,
            "0 if the latest attempt to reload the configuration failed.", is: reloads.failure == nil ? 1 : 0)
        page.family(
            "gatherd_configuration_last_success_timestamp_seconds", .gauge,
            "When the configuration was last loaded without an error, at start or later, in seconds since 1970.",
            is: reloads.lastSuccess)
    }

    private func writeProcess(to page: inout Exposition) {
        let process = ProcessMetrics()
        page.family("process_cpu_seconds", .counter, "User and system CPU time.", is: process.cpuSeconds)
        page.family("process_start_time_seconds", .gauge, "When the process began, since 1970.", is: process.startTime)
        page.family("process_resident_memory_bytes", .gauge, "Resident memory.", is: process.residentBytes)
        page.family("process_virtual_memory_bytes", .gauge, "Virtual memory.", is: process.virtualBytes)
        page.family("process_open_fds", .gauge, "Open file descriptors.", is: process.openDescriptors)
        if let most = process.mostDescriptors {
            page.family("process_max_fds", .gauge, "How many file descriptors may be open.", is: most)
        }
    }

    /// What a class of statuses is called.
    static func name(ofClass statusClass: Int) -> String { statusClass == 0 ? "other" : "\(statusClass)xx" }
}
