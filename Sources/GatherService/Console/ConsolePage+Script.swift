extension ConsolePage {
    /// What the console does: takes a record each second, keeps those of some minutes, and shows what they come to.
    static let scriptText = #"""
        // The console: records of /console/events become plots and tables. Texts of others go in as text nodes only.

        const byId = id => document.getElementById(id)
        const keptSeconds = 300
        const svgSpace = "http://www.w3.org/2000/svg"

        function drawn(tag, attributes = {}, ...children) {
            const made = document.createElementNS(svgSpace, tag)
            for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
            made.append(...children)
            return made
        }

        // MARK: Numbers in words

        const isNumber = value => value !== null && value !== undefined && Number.isFinite(value)
        const count = value => !isNumber(value) ? "" : value < 10 && value > 0 ? value.toFixed(1) : Math.round(value).toLocaleString("en")
        const percent = value => !isNumber(value) ? "" : value === 0 ? "0%" : value < 0.001 ? "<0.1%" : `${(100 * value).toFixed(value < 0.1 ? 1 : 0)}%`
        const time = value => !isNumber(value) ? "" : value >= 10000 ? `${Math.round(value / 1000)} s` : value >= 1000 ? `${(value / 1000).toFixed(2)} s`
            : value >= 100 ? `${Math.round(value)} ms` : value >= 1 || value === 0 ? `${value.toFixed(1)} ms` : `${value.toFixed(2)} ms`
        const bytes = value => value >= 2 ** 30 ? `${(value / 2 ** 30).toFixed(1)} GB` : `${Math.round(value / 2 ** 20)} MB`

        function span(seconds) {
            if (seconds < 60) return `${Math.round(seconds)} s`
            if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
            if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`
            return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds % 86400 / 3600)} h`
        }

        // MARK: What was counted

        let bounds = []

        /** How many durations lie in which bucket. */
        class Histogram {
            constructor() { this.counts = new Map() }

            add(pairs) {
                for (const [bucket, count] of pairs) this.counts.set(bucket, (this.counts.get(bucket) ?? 0) + count)
                return this
            }

            /** The time that a share did not exceed, as if those of a bucket lay evenly in it; null if it is empty. */
            quantile(share) {
                const buckets = [...this.counts].sort((a, b) => a[0] - b[0])
                const rank = share * buckets.reduce((sum, [, count]) => sum + count, 0)
                let below = 0
                for (const [bucket, count] of buckets) {
                    if (below + count >= rank) {
                        const lower = bucket === 0 ? 0 : bounds[bucket - 1]
                        const upper = bounds[bucket] ?? lower
                        return lower + (upper - lower) * Math.max(0, rank - below) / count
                    }
                    below += count
                }
                return null
            }
        }

        /** What was counted of an endpoint or an upstream: since the process began, and second by second. */
        class Series {
            constructor(name) {
                this.name = name
                this.total = { counts: {}, latency: new Histogram() }
                this.seconds = []
            }

            addTotal(counts, latency) {
                for (const [name, count] of Object.entries(counts)) this.total.counts[name] = (this.total.counts[name] ?? 0) + count
                this.total.latency.add(latency)
            }

            addSecond(second) {
                this.addTotal(second.counts, second.latency)
                this.seconds.push(second)
                if (this.seconds.length > keptSeconds) this.seconds.shift()
                const latency = new Histogram()
                for (const { latency: pairs } of this.seconds.slice(-5)) latency.add(pairs)
                Object.assign(second, { p50: latency.quantile(0.5), p95: latency.quantile(0.95), p99: latency.quantile(0.99) })
            }

            /** The sum of some counts, over so many seconds. */
            sum(names, seconds) {
                return this.seconds.slice(-seconds).reduce((sum, second) => sum + names.reduce((sum, name) => sum + (second.counts[name] ?? 0), 0), 0)
            }

            all(seconds) { return this.sum([...new Set(this.seconds.slice(-seconds).flatMap(second => Object.keys(second.counts)))], seconds) }

            mean(value, seconds) {
                const some = this.seconds.slice(-seconds)
                return some.length ? some.reduce((sum, second) => sum + value(second), 0) / (some.reduce((sum, second) => sum + second.span, 0) / 1000) : null
            }

            /** What the last minute, or without anything in it all time, says of durations. */
            latency() {
                const latency = new Histogram()
                for (const second of this.seconds.slice(-60)) latency.add(second.latency)
                const isOld = latency.counts.size === 0
                const histogram = isOld ? this.total.latency : latency
                return { isOld, p50: histogram.quantile(0.5), p95: histogram.quantile(0.95), p99: histogram.quantile(0.99) }
            }
        }

        const totalOf = counts => Object.values(counts).reduce((sum, count) => sum + count, 0)

        // MARK: Plots

        const plotted = [
            { title: "Requests per second", show: count, lines: [
                ["all", second => 1000 * totalOf(second.counts) / second.span], ["5xx", second => 1000 * (second.counts["5xx"] ?? 0) / second.span]] },
            { title: "In flight", show: count, lines: [["gathers", second => second.inFlight]] },
            { title: "Duration", show: time, lines: [["p50", second => second.p50], ["p95", second => second.p95], ["p99", second => second.p99]] },
            { title: "Errors", show: percent, least: 0.01, lines: [
                ["5xx", second => totalOf(second.counts) ? (second.counts["5xx"] ?? 0) / totalOf(second.counts) : null],
                ["4xx", second => totalOf(second.counts) ? (second.counts["4xx"] ?? 0) / totalOf(second.counts) : null]] },
        ]
        const lineNames = ["one", "two", "three"]

        class Plot {
            constructor({ title, show, lines, least = 0 }, place) {
                Object.assign(this, { title, show, lines, least })
                this.values = lines.map(() => element("strong"))
                const key = element("ul", {}, ...lines.map(([name], index) => element("li", {},
                    drawn("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, drawn("path", { d: "M0 5H26", class: `line ${lineNames[index]}` })),
                    `${name} `, this.values[index])))
                this.picture = drawn("svg", { role: "img", tabindex: "0", "aria-label": title })
                place.append(element("div", { className: "plot" }, element("h3", { textContent: title }), key, this.picture))
                this.picture.addEventListener("pointermove", event => readAt(this.secondAt(event)))
                this.picture.addEventListener("pointerleave", () => readAt(null))
                this.picture.addEventListener("blur", () => readAt(null))
                this.picture.addEventListener("keydown", event => this.move(event))
            }

            move(event) {
                const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30, Home: -keptSeconds, End: keptSeconds }[event.key]
                if (event.key === "Escape") readAt(null)
                if (step === undefined) return
                event.preventDefault()
                const last = chosen().seconds.length - 1
                readAt(Math.max(0, Math.min(last, (reading ?? last + 1) + step)))
            }

            secondAt(event) {
                const { left, width } = this.picture.getBoundingClientRect()
                const shown = shownSeconds(chosen().seconds)
                const index = Math.floor((event.clientX - left) / width * shown) - shown + chosen().seconds.length
                return index >= 0 && index < chosen().seconds.length ? index : null
            }

            draw(seconds) {
                const { clientWidth: width, clientHeight: height } = this.picture
                if (width === 0) return
                const lines = this.lines.map(([, value]) => seconds.map(value))
                const most = Math.max(this.least, ...lines.flat().filter(isNumber))
                const scale = roundUpScale(most)
                const [top, bottom] = [14, height - 16]
                const shown = shownSeconds(seconds)
                const x = index => (index + shown - seconds.length + 0.5) / shown * width
                const y = value => bottom - (bottom - top) * value / scale
                const parts = []
                for (const part of [0, 0.5, 1]) {
                    parts.push(drawn("path", { d: `M0 ${y(part * scale)}H${width}`, class: "grid" }))
                    if (part > 0) parts.push(drawn("text", { x: 2, y: y(part * scale) - 3 }, this.show(part * scale)))
                }
                for (const [part, anchor] of [[1, "start"], [0.5, "middle"], [0, "end"]]) {
                    const text = part === 0 ? "now" : shown * part < 60 ? `${shown * part} s ago` : `${shown * part / 60} min ago`
                    parts.push(drawn("text", { x: width * (1 - part), y: height - 3, "text-anchor": anchor }, text))
                }
                lines.forEach((values, index) => {
                    let [path, isDown] = ["", false]
                    values.forEach((value, second) => {
                        if (!isNumber(value)) { isDown = false; return }
                        const isAlone = !isDown && !isNumber(values[second + 1])
                        path += `${isDown ? "L" : "M"}${x(second).toFixed(1)} ${y(value).toFixed(1)}${isAlone ? "h2" : ""}`
                        isDown = true
                    })
                    if (path) parts.push(drawn("path", { d: path, class: `line ${lineNames[index]}` }))
                })
                if (reading !== null && reading < seconds.length) parts.push(drawn("path", { d: `M${x(reading)} 0V${bottom}`, class: "cursor" }))
                this.picture.setAttribute("viewBox", `0 0 ${width} ${height}`)
                this.picture.replaceChildren(...parts)
                const moment = seconds[reading ?? seconds.length - 1]
                const words = this.lines.map(([name, value], index) => {
                    const text = (moment ? this.show(value(moment)) : "") || "–"
                    this.values[index].textContent = text
                    return `${name} ${text}`
                })
                this.picture.setAttribute("aria-label", `${this.title}: ${words.join(", ")}; at most ${this.show(most) || "0"} in what is shown`)
            }
        }

        /** How many seconds a plot is wide: more of them as more have come. */
        const shownSeconds = seconds => seconds.length <= 60 ? 60 : seconds.length <= 120 ? 120 : keptSeconds

        /** The least round number that is no less. */
        function roundUpScale(value) {
            if (value <= 0) return 1
            const power = 10 ** Math.floor(Math.log10(value))
            return [1, 1.2, 1.6, 2, 3, 4, 6, 8, 10].map(step => step * power).find(step => step >= value * 0.9999) ?? 10 * power
        }

        // MARK: Tables

        /** Rows that stay where they are while what they say changes. */
        class Rows {
            constructor(place, classes) {
                this.place = place
                this.classes = classes
                this.rows = new Map()
            }

            /** @param {[string, (object|string)[]][]} rows each with its key; a cell is a text, a node, or { text, mark }. */
            show(rows, { header } = {}) {
                const made = rows.map(([key, cells]) => {
                    let row = this.rows.get(key)
                    if (!row) {
                        const first = element("th", { attributes: { scope: "row" } }, header?.(key) ?? key)
                        first.title = first.textContent
                        row = element("tr", {}, first, ...cells.map((_, index) => element("td", { className: this.classes[index] })))
                        this.rows.set(key, row)
                    }
                    cells.forEach((cell, index) => {
                        const place = row.cells[index + 1]
                        const text = (typeof cell === "string" ? cell : cell.text) || "–"
                        if (place.textContent !== text) place.textContent = text
                        const name = `${this.classes[index]} ${text === "–" ? "missing" : cell.mark ?? ""}`.trim()
                        if (place.className !== name) place.className = name
                    })
                    return row
                })
                const isSame = made.length === this.place.children.length && made.every((row, index) => row === this.place.children[index])
                if (!isSame) this.place.replaceChildren(...made)
                for (const [key, row] of this.rows) if (!made.includes(row)) this.rows.delete(key)
            }
        }

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

        const picture = new Picture(byId("picture"))

        async function open(id) {
            const title = byId("detail-title")
            byId("detail").hidden = false
            let gather
            try {
                const response = await fetch(`/gathers/${encodeURIComponent(id)}`)
                if (!response.ok) throw new Error((await response.json()).detail)
                gather = await response.json()
            } catch (error) {
                title.textContent = `Gather ${id}`
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
            byId("calls").replaceChildren(...tableRows(timeline))
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
