extension ConsolePage {
    /// The second part of the script: takes a record each second, keeps those of some minutes, and shows them.
    static let consoleScript = #"""
        const endpointRows = new Rows(byId("endpoints"), Array(8).fill("number"))
        const upstreamRows = new Rows(byId("upstreams"), [...Array(7).fill("number"), "", ...Array(3).fill("number"), "wide"])
        const loopRows = new Rows(byId("loops"), Array(8).fill("number"))
        const gatherRows = new Rows(byId("gathers"), ["number", "number", "number", "wide"])

        // MARK: What has come

        const all = new Series("")
        let endpoints = new Map()
        let upstreams = new Map()
        let latest = null
        let gathers = { recent: [], slowest: [], failed: [], at: 0 }
        let processor = null
        let isPaused = false
        let reading = null
        let kind = "recent"

        const chosen = () => endpoints.get(byId("endpoint").value) ?? all

        function seriesOf(map, name) {
            if (!map.has(name)) {
                map.set(name, new Series(name))
                if (map === endpoints) byId("endpoint").append(element("option", { value: name, textContent: name }))
            }
            return map.get(name)
        }

        function take(record) {
            const { span_ms: length } = record
            if (length === undefined) {
                // The first record of a connection counts from the beginning of the process.
                bounds = record.bounds_ms
                all.total = new Series("").total
                for (const map of [endpoints, upstreams]) for (const series of map.values()) series.total = new Series("").total
            }
            const told = new Map(record.endpoints.map(endpoint => [endpoint.endpoint, endpoint]))
            const everything = { statuses: {}, busy_ms: 0, latency: [] }
            for (const { statuses, busy_ms: busy, latency } of record.endpoints) {
                for (const [name, count] of Object.entries(statuses)) everything.statuses[name] = (everything.statuses[name] ?? 0) + count
                everything.busy_ms += busy
                everything.latency.push(...latency)
            }
            for (const name of told.keys()) seriesOf(endpoints, name)
            for (const [name, series] of [["", all], ...endpoints]) {
                const { statuses = {}, busy_ms: busy = 0, latency = [] } = name === "" ? everything : told.get(name) ?? {}
                if (length === undefined) series.addTotal(statuses, latency)
                else series.addSecond({ span: length, counts: statuses, latency, inFlight: name === "" ? record.service.gathers : busy / length })
            }
            for (const upstream of record.upstreams) {
                const series = seriesOf(upstreams, upstream.upstream)
                series.now = upstream
                if (length === undefined) series.addTotal(upstream.attempts, upstream.latency)
                else series.addSecond({ span: length, counts: upstream.attempts, latency: upstream.latency, retries: upstream.retries ?? 0, hedges: upstream.hedges ?? 0 })
            }
            const names = new Set(record.upstreams.map(upstream => upstream.upstream))
            for (const name of upstreams.keys()) if (!names.has(name)) upstreams.delete(name)
            if (length !== undefined && latest) processor = 1000 * (record.service.cpu_seconds - latest.service.cpu_seconds) / length
            latest = record
            if (!isPaused) show()
        }

        // MARK: What is shown

        const plots = plotted.map(plot => new Plot(plot, byId("plots")))

        function readAt(second) {
            if (reading === second) return
            reading = second
            drawPlots()
            const { seconds } = chosen()
            const moment = seconds[reading]
            byId("reading").textContent = !moment ? "Point at a plot, or move along it with the arrow keys, to read a moment."
                : `${span(seconds.slice(reading + 1).reduce((sum, second) => sum + second.span, 0) / 1000)} ago: `
                    + plots.flatMap(plot => plot.lines.map(([name, value]) => `${plot.title.toLowerCase()} ${name} ${plot.show(value(moment)) || "–"}`)).join("; ")
        }

        const drawPlots = () => { for (const plot of plots) plot.draw(chosen().seconds) }

        function show() {
            if (!latest) return
            const { service } = latest
            const facts = [
                `configuration ${service.generation}`, `up ${span(Date.now() / 1000 - service.started)}`, `${bytes(service.resident_bytes)} of memory`,
                processor === null ? null : `${Math.round(100 * processor)}% of a CPU`, `${service.connections} of ${service.connections_limit} connections`,
                `${service.gathers} of ${service.gathers_limit} gathers`,
                service.shed_gathers + service.shed_lag > 0 ? `${service.shed_gathers + service.shed_lag} requests shed (${service.shed_gathers} for want of a place, ${service.shed_lag} for lag)` : null,
                service.log_lines_dropped > 0 ? `${service.log_lines_dropped} log lines dropped` : null, service.draining ? "draining" : null,
            ]
            byId("facts").textContent = facts.filter(Boolean).join(" · ")
            drawPlots()
            showEndpoints()
            showUpstreams()
            showLoops()
            showGathers()
        }

        function showEndpoints() {
            const marked = value => ({ text: percent(value), mark: value > 0 ? "wrong" : "" })
            endpointRows.show([...endpoints].map(([name, series]) => {
                const { isOld, p50, p95, p99 } = series.latency()
                const recent = series.all(60)
                const counts = isOld ? series.total.counts : null
                const share = name => counts ? (totalOf(counts) ? (counts[name] ?? 0) / totalOf(counts) : null) : series.sum([name], 60) / recent
                const quiet = mark => isOld ? { ...mark, mark: "old" } : mark
                return [name, [
                    count(series.mean(second => totalOf(second.counts), 10)), count(series.mean(second => second.inFlight * second.span / 1000, 10)),
                    ...[p50, p95, p99].map(value => quiet({ text: time(value) })), quiet(marked(share("5xx"))), quiet({ text: percent(share("4xx")) }),
                    totalOf(series.total.counts).toLocaleString("en"),
                ]]
            }), { header: name => element("button", { type: "button", textContent: name, onclick: () => choose(name) }) })
            for (const [name, row] of endpointRows.rows) row.classList.toggle("chosen", name === byId("endpoint").value)
        }

        const breakers = { closed: "● closed", half_open: "◐ half open", open: "■ open" }

        function showUpstreams() {
            upstreamRows.show([...upstreams].map(([name, series]) => {
                const { now } = series
                const { isOld, p50, p95, p99 } = series.latency()
                const quiet = text => ({ text, mark: isOld ? "old" : "" })
                const bad = ["http_error", "timeout", "unreachable", "bad_response"]
                const ended = series.all(60)
                const failed = isOld && ended === 0 ? null : series.sum(bad, 60) / ended
                const hosts = now.hosts.map(host => host.host + (!host.healthy ? " (unhealthy)" : host.ejected ? " (ejected)" : now.hosts.length > 1 ? ` (${host.in_flight})` : ""))
                const isOut = now.hosts.some(host => !host.healthy || host.ejected)
                return [name, [
                    count(series.mean(second => totalOf(second.counts), 10)), `${now.in_flight} / ${now.limit}`,
                    { text: String(now.queued), mark: now.queued > 0 ? "wrong" : "" }, ...[p50, p95, p99].map(value => quiet(time(value))),
                    { text: percent(failed), mark: failed > 0 ? "wrong" : "" },
                    { text: now.breaker ? breakers[now.breaker] : "none", mark: now.breaker && now.breaker !== "closed" ? "wrong" : now.breaker ? "" : "missing" },
                    { text: `${Math.floor(now.retry_tokens)} / ${now.retry_tokens_limit}`, mark: now.retry_tokens < 1 ? "wrong" : "" },
                    count(series.mean(second => second.retries ?? 0, 10)), count(series.mean(second => second.hedges ?? 0, 10)),
                    { text: hosts.join(", "), mark: isOut ? "wrong" : "" },
                ]]
            }))
        }

        function showLoops() {
            const length = latest.span_ms
            loopRows.show(latest.loops.map(loop => [loop.silent ? `${loop.loop} (does not answer)` : String(loop.loop), [
                { text: time(loop.lag_ms), mark: loop.lag_ms > 100 ? "wrong" : "" }, time(loop.longest_lag_ms),
                { text: length === undefined ? "" : percent(loop.busy_ms / length), mark: loop.busy_ms / length > 0.9 ? "wrong" : "" },
                time(loop.turns > 0 ? loop.busy_ms / loop.turns : null), length === undefined ? "" : count(1000 * loop.turns / length),
                length === undefined ? "" : count(1000 * loop.jobs / length), String(loop.connections), String(loop.gathers),
            ]]))
        }

        function showGathers() {
            const since = performance.now() - gathers.at
            gatherRows.show(gathers[kind].map(gather => [gather.id, [
                { text: String(gather.status), mark: gather.status >= 500 ? "wrong" : "" }, time(gather.duration_ms),
                `${span((gather.age_ms + since) / 1000)} ago`,
                gather.failed ? `${gather.failed}: ${words[gather.outcome] ?? gather.outcome}` : gather.critical_path.join(" → "),
            ]]), { header: id => element("a", { href: `#gather=${id}`, textContent: gathers[kind].find(gather => gather.id === id).endpoint }) })
        }

        // MARK: One gather

        const picture = new Picture(byId("picture"), { tellsPhases: true })

        async function open(id) {
            const title = byId("detail-title")
            title.textContent = `Gather ${id}`
            byId("detail").hidden = false
            let gather
            try {
                const response = await fetch(`/gathers/${encodeURIComponent(id)}`)
                if (!response.ok) throw new Error((await response.json()).detail)
                gather = await response.json()
            } catch (error) {
                byId("detail-facts").textContent = String(error.message)
                byId("picture").replaceChildren()
                byId("calls").replaceChildren()
                return
            }
            title.textContent = gather.endpoint
            byId("detail-facts").textContent = [
                `Answered with ${gather.status} after ${time(gather.duration_ms)} of ${time(gather.deadline_ms)}, ${span(gather.age_ms / 1000)} ago.`,
                gather.request_id ? `Request ${gather.request_id}.` : "", gather.trace_id ? `Trace ${gather.trace_id}.` : "",
            ].join(" ").trim()
            byId("save").href = `/gathers/${gather.id}.svg`
            byId("save").download = `gather-${gather.id}.svg`
            byId("raw").href = `/gathers/${gather.id}`
            const timeline = new Timeline(Object.keys(gather.calls).map(name => ({ name })))
            for (const [name, call] of Object.entries(gather.calls)) {
                if (call.start_ms !== undefined) timeline.take({ start: name, start_ms: call.start_ms, after: gather.after[name] })
                timeline.take({ call: name, ...call })
            }
            for (const attempt of gather.attempts) timeline.take(attempt)
            timeline.take({ gather: { duration_ms: gather.duration_ms, critical_path: gather.critical_path } })
            // A deadline that is far away would leave no room for the bars.
            const isNear = gather.deadline_ms <= 2.5 * gather.duration_ms
            picture.show(timeline, { deadline: gather.deadline_ms, scale: isNear ? gather.deadline_ms : 0 })
            byId("calls").replaceChildren(...tableRows(timeline, { tellsPhases: true }))
            title.focus({ preventScroll: true })
            title.scrollIntoView({ block: "nearest" })
        }

        function follow() {
            const id = new URLSearchParams(location.hash.slice(1)).get("gather")
            if (id) open(id)
            else byId("detail").hidden = true
        }

        // MARK: What can be done

        function choose(name) {
            byId("endpoint").value = name
            show()
        }

        byId("endpoint").addEventListener("change", show)
        byId("pause").addEventListener("click", event => {
            isPaused = !isPaused
            event.target.setAttribute("aria-pressed", isPaused)
            if (!isPaused) show()
            tellState()
        })
        byId("close").addEventListener("click", () => {
            history.replaceState(null, "", location.pathname)
            follow()
            byId("gathers").querySelector("a")?.focus()
        })
        for (const button of document.querySelectorAll("[data-kind]")) {
            button.addEventListener("click", () => {
                kind = button.dataset.kind
                for (const other of document.querySelectorAll("[data-kind]")) other.setAttribute("aria-pressed", other === button)
                showGathers()
            })
        }
        addEventListener("hashchange", follow)
        addEventListener("resize", () => {
            drawPlots()
            if (picture.timeline && !byId("detail").hidden) picture.drawNow()
        })

        const events = new EventSource("/console/events")

        function tellState() {
            const isLive = events.readyState === EventSource.OPEN
            const text = !isLive ? "The service does not answer; trying again." : isPaused ? "Paused" : "Live"
            if (byId("state").textContent !== text) byId("state").textContent = text
            byId("state").className = `state ${!isLive ? "lost" : isPaused ? "" : "live"}`
        }

        events.addEventListener("open", tellState)
        events.addEventListener("error", tellState)
        events.addEventListener("second", event => take(JSON.parse(event.data)))
        events.addEventListener("gathers", event => {
            gathers = { ...JSON.parse(event.data), at: performance.now() }
            if (!isPaused) showGathers()
        })
        follow()

        """#
}
